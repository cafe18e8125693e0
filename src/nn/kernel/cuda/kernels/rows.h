// How threads share out (rows, c) arrays in kernels launched by columns.

#ifndef ROWS_H
#define ROWS_H

// Element by element: every thread keeps to one vector of channels, so their constants stay in registers.
typedef struct {
    I64 first, step, end;
    int channel;
} Walk;

DEVICE Walk walk(I64 rows, int c, int width) {
    const unsigned groups = (unsigned)(c / width);
    const unsigned threads = gridDim.x * gridDim.y * 256;
    const unsigned active = threads - threads % groups;
    const unsigned me = (blockIdx.y * gridDim.x + blockIdx.x) * 256 + (unsigned)in_block();
    Walk w;
    w.end = rows * c;
    w.first = me < active ? (I64)me * width : w.end;
    w.step = (I64)active * width;
    w.channel = (int)(me % groups) * width;
    return w;
}

// Sums down the rows: a block takes up to 32 vectors of channels; where there are fewer, threads that
// would have none take other rows.
typedef struct {
    int lanes;   // a power of two, at least the vectors of channels in this block
    int channel; // the thread's first
    int idle;    // the thread has no channel
    I64 first, step;
} Column;

// Whether this block has channels at all: with vectors, grid.x is larger than needed.
DEVICE int has_columns(int c, int width) { return (int)blockIdx.x * 32 * width < c; }

DEVICE Column column(int c, int width) {
    const int left = c / width - (int)blockIdx.x * 32;
    Column o;
    o.lanes = 32;
    while (o.lanes / 2 >= left) o.lanes /= 2;
    const int lane = in_block() % o.lanes, per_block = 256 / o.lanes;
    o.idle = lane >= left;
    o.channel = ((int)blockIdx.x * 32 + (o.idle ? 0 : lane)) * width;
    o.first = (I64)blockIdx.y * per_block + in_block() / o.lanes;
    o.step = (I64)gridDim.y * per_block;
    return o;
}

// Writes the block's sums v[quantity][width] to partial[blockIdx.y][quantity][c].
DEVICE void write_partial(float* shared, Column o, int quantities, int width, float* v, float* partial, int c) {
    block_sum(shared, o.lanes, quantities * width, v);
    if (in_block() >= o.lanes || o.idle) return;
    UNROLL
    for (int q = 0; q < quantities; q++) {
        float* to = partial + ((I64)blockIdx.y * quantities + q) * c + o.channel;
        UNROLL
        for (int j = 0; j < width; j++) to[j] = v[q * width + j];
    }
}

// Sums partial[block][quantity][c] over the blocks in f64: eight threads a channel, each every eighth block,
// then those in order. `shared` has 256 * quantities elements; the channel's first thread gets the sums.
DEVICE void sum_blocks(double* shared, const float* partial, int blocks, int quantities, int c, int channel, double* v) {
    const int lane = in_block() % 32, slice = in_block() / 32;
    UNROLL
    for (int q = 0; q < quantities; q++) v[q] = 0;
    if (channel < c) {
        for (int b = slice; b < blocks; b += 8) {
            UNROLL
            for (int q = 0; q < quantities; q++) v[q] += (double)partial[((I64)b * quantities + q) * c + channel];
        }
    }
    __syncthreads();
    UNROLL
    for (int q = 0; q < quantities; q++) shared[q * 256 + slice * 32 + lane] = v[q];
    __syncthreads();
    if (slice != 0) return;
    for (int s = 1; s < 8; s++) {
        UNROLL
        for (int q = 0; q < quantities; q++) v[q] += shared[q * 256 + s * 32 + lane];
    }
}

#endif
