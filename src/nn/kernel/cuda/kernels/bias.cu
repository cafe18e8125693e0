// A bias and a ReLU behind a product, and their gradients; columns.

// y = y + bias, then ReLU; bias may be null.
typedef struct { T* y; const float* bias; I64 rows; int c; int relu; } NAME(BiasAct);

DEVICE void NAME(bias_act_all)(const NAME(BiasAct)* p, int width) {
    const Walk w = walk(p->rows, p->c, width);
    float bias[LANES];
    UNROLL
    for (int j = 0; j < width; j++) bias[j] = p->bias ? p->bias[w.channel + j] : 0;
    for (I64 i = w.first; i < w.end; i += 2 * w.step) {
        float v[2][LANES];
        UNROLL
        for (int u = 0; u < 2; u++) {
            if (i + u * w.step < w.end) LOAD(p->y + i + u * w.step, width, v[u]);
        }
        UNROLL
        for (int u = 0; u < 2; u++) {
            if (i + u * w.step >= w.end) continue;
            UNROLL
            for (int j = 0; j < width; j++) {
                v[u][j] += bias[j];
                if (p->relu) v[u][j] = relu_of(v[u][j]);
            }
            STORE(p->y + i + u * w.step, width, v[u]);
        }
    }
}

KERNEL(NAME(bias_act), NAME(BiasAct)) {
    if (p.c % LANES == 0 && aligned(p.y)) NAME(bias_act_all)(&p, LANES);
    else NAME(bias_act_all)(&p, 1);
}

// grad = grad where output > 0, else 0 (no output: as it is), and sums down its rows in partial[blocks][c]
// (unless partial is null).
typedef struct { T* grad; const T* output; float* partial; I64 rows; int c; } NAME(MaskSum);

DEVICE void NAME(mask_sum_all)(const NAME(MaskSum)* p, float* shared, int width) {
    const Column o = column(p->c, width);
    float sum[LANES];
    UNROLL
    for (int j = 0; j < width; j++) sum[j] = 0;
    for (I64 r = o.idle ? p->rows : o.first; r < p->rows; r += 4 * o.step) {
        float g[4][LANES], y[4][LANES];
        UNROLL
        for (int u = 0; u < 4; u++) {
            const I64 i = (r + u * o.step) * p->c + o.channel;
            if (r + u * o.step >= p->rows) continue;
            LOAD(p->grad + i, width, g[u]);
            if (p->output) LOAD(p->output + i, width, y[u]);
        }
        UNROLL
        for (int u = 0; u < 4; u++) {
            if (r + u * o.step >= p->rows) continue;
            if (p->output) {
                UNROLL
                for (int j = 0; j < width; j++) g[u][j] = y[u][j] > 0 ? g[u][j] : 0;
                STORE(p->grad + (r + u * o.step) * p->c + o.channel, width, g[u]);
            }
            UNROLL
            for (int j = 0; j < width; j++) sum[j] += g[u][j];
        }
    }
    if (p->partial) write_partial(shared, o, 1, width, sum, p->partial, p->c);
}

KERNEL(NAME(mask_sum), NAME(MaskSum)) {
    SHARED float shared[256 * LANES];
    const int wide = p.c % LANES == 0 && aligned(p.grad) && aligned(p.output);
    if (!has_columns(p.c, wide ? LANES : 1)) return;
    if (wide) NAME(mask_sum_all)(&p, shared, LANES);
    else NAME(mask_sum_all)(&p, shared, 1);
}
