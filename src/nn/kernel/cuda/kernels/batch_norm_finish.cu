// What becomes of batch normalisation's sums, channel by channel in f64; channels.

typedef struct {
    const float* partial; const float* pivot; const float* weight; const float* bias;
    float* running_mean; float* running_var; float* mean; float* inverse_sd; float* scale; float* shift;
    double momentum; double eps; I64 rows; int blocks; int c;
} BnFinish;

// The running variance is unbiased, the one that normalises is not; one row has no variance, and the running
// statistics stay.
KERNEL(bn_finish, BnFinish) {
    SHARED double shared[512];
    for (int first = (int)blockIdx.x * 32; first < p.c; first += (int)gridDim.x * 32) {
        const int i = first + in_block() % 32;
        double sums[2];
        sum_blocks(shared, p.partial, p.blocks, 2, p.c, i, sums);
        if (in_block() >= 32 || i >= p.c) continue;
        const double rows = (double)p.rows, off = sums[0] / rows;
        const double mean = (double)p.pivot[i] + off, spread = sums[1] / rows - off * off;
        const double var = spread < 0 ? 0 : spread;
        if (p.rows > 1) {
            const double keep = 1 - p.momentum, unbiased = rows / (rows - 1);
            p.running_mean[i] = (float)(keep * (double)p.running_mean[i] + p.momentum * mean);
            p.running_var[i] = (float)(keep * (double)p.running_var[i] + p.momentum * var * unbiased);
        }
        const double sd = sqrt(var + p.eps), scale = (double)p.weight[i] / sd;
        p.mean[i] = (float)mean;
        p.inverse_sd[i] = (float)(1 / sd);
        p.scale[i] = (float)scale;
        p.shift[i] = (float)((double)p.bias[i] - scale * mean);
    }
}

typedef struct {
    const float* weight; const float* bias; const float* running_mean; const float* running_var;
    float* mean; float* inverse_sd; float* scale; float* shift; double eps; int c;
} BnRunning;

KERNEL(bn_running, BnRunning) {
    for (int i = (int)in_grid(); i < p.c; i += (int)grid_threads()) {
        const double mean = (double)p.running_mean[i], sd = sqrt((double)p.running_var[i] + p.eps);
        const double scale = (double)p.weight[i] / sd;
        p.mean[i] = (float)mean;
        p.inverse_sd[i] = (float)(1 / sd);
        p.scale[i] = (float)scale;
        p.shift[i] = (float)((double)p.bias[i] - scale * mean);
    }
}

// With x' = (x - mean) / sd, dx = w / sd * (dy - mean(dy) - x' * mean(dy * x')): a, b and k of
// dx = a * dy + b * x + k. With fixed statistics the two means are not subtracted.
typedef struct {
    const float* partial; const float* weight; const float* mean; const float* inverse_sd;
    float* a; float* b; float* k; float* grad_weight; float* grad_bias; const Scalars* s;
    I64 rows; int blocks; int c; int batch_statistics;
} BnGradFinish;

KERNEL(bn_grad_finish, BnGradFinish) {
    SHARED double shared[512];
    for (int first = (int)blockIdx.x * 32; first < p.c; first += (int)gridDim.x * 32) {
        const int i = first + in_block() % 32;
        double sums[2];
        sum_blocks(shared, p.partial, p.blocks, 2, p.c, i, sums);
        if (in_block() >= 32 || i >= p.c) continue;
        const double rows = (double)p.rows, inverse = (double)p.inverse_sd[i], in_sd = sums[1] * inverse;
        const double scale = (double)p.weight[i] * inverse;
        const double slope = p.batch_statistics ? -scale * inverse * in_sd / rows : 0;
        p.a[i] = (float)scale;
        p.b[i] = (float)slope;
        p.k[i] = p.batch_statistics ? (float)(-scale * sums[0] / rows - slope * (double)p.mean[i]) : 0;
        if (!p.grad_weight) continue;
        add_grad(p.grad_weight + i, (float)in_sd, p.s);
        add_grad(p.grad_bias + i, (float)sums[0], p.s);
    }
}
