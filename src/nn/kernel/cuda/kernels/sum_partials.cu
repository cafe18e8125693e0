// The last step of sums down rows; channels.

// grad (+)= sum over blocks of partial[blocks][c]
typedef struct { const float* partial; float* grad; const Scalars* s; int blocks; int c; } SumPartials;

KERNEL(sum_partials, SumPartials) {
    SHARED double shared[256];
    for (int first = (int)blockIdx.x * 32; first < p.c; first += (int)gridDim.x * 32) {
        const int channel = first + in_block() % 32;
        double sum;
        sum_blocks(shared, p.partial, p.blocks, 1, p.c, channel, &sum);
        if (in_block() < 32 && channel < p.c) add_grad(p.grad + channel, (float)sum, p.s);
    }
}
