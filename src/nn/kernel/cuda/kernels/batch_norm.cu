// Batch normalisation, with the residual sum and the ReLU behind it, and its gradient; columns.

// Sums of (x - pivot) and of its square, partial[blocks][2][c]; the pivot is x's first row, so that a large
// mean costs few digits.
typedef struct { const T* x; float* partial; float* pivot; I64 rows; int c; } NAME(BnMoments);

DEVICE void NAME(bn_moments_all)(const NAME(BnMoments)* p, float* shared, int width) {
    const Column o = column(p->c, width);
    float pivot[LANES], sums[2 * LANES];
    LOAD(p->x + o.channel, width, pivot);
    UNROLL
    for (int j = 0; j < 2 * width; j++) sums[j] = 0;
    for (I64 r = o.idle ? p->rows : o.first; r < p->rows; r += 4 * o.step) {
        float x[4][LANES];
        UNROLL
        for (int u = 0; u < 4; u++) {
            // A row that is not there counts as the pivot: it adds nothing.
            const I64 row = r + u * o.step < p->rows ? r + u * o.step : 0;
            LOAD(p->x + row * p->c + o.channel, width, x[u]);
        }
        UNROLL
        for (int u = 0; u < 4; u++) {
            const int there = r + u * o.step < p->rows;
            UNROLL
            for (int j = 0; j < width; j++) {
                const float d = there ? x[u][j] - pivot[j] : 0;
                sums[j] += d;
                sums[width + j] = fmaf(d, d, sums[width + j]);
            }
        }
    }
    if (blockIdx.y == 0 && in_block() < o.lanes && !o.idle) {
        UNROLL
        for (int j = 0; j < width; j++) p->pivot[o.channel + j] = pivot[j];
    }
    write_partial(shared, o, 2, width, sums, p->partial, p->c);
}

KERNEL(NAME(bn_moments), NAME(BnMoments)) {
    SHARED float shared[512 * LANES];
    const int wide = p.c % LANES == 0 && aligned(p.x);
    if (!has_columns(p.c, wide ? LANES : 1)) return;
    if (wide) NAME(bn_moments_all)(&p, shared, LANES);
    else NAME(bn_moments_all)(&p, shared, 1);
}

// y = x * scale + shift, + addend (unless null), then ReLU.
typedef struct {
    const T* x; const float* scale; const float* shift; const T* addend; T* y; I64 rows; int c; int relu;
} NAME(BnApply);

DEVICE void NAME(bn_apply_all)(const NAME(BnApply)* p, int width) {
    const Walk w = walk(p->rows, p->c, width);
    float scale[LANES], shift[LANES];
    UNROLL
    for (int j = 0; j < width; j++) scale[j] = p->scale[w.channel + j], shift[j] = p->shift[w.channel + j];
    for (I64 i = w.first; i < w.end; i += 2 * w.step) {
        float x[2][LANES], addend[2][LANES];
        UNROLL
        for (int u = 0; u < 2; u++) {
            if (i + u * w.step >= w.end) continue;
            LOAD(p->x + i + u * w.step, width, x[u]);
            if (p->addend) LOAD(p->addend + i + u * w.step, width, addend[u]);
        }
        UNROLL
        for (int u = 0; u < 2; u++) {
            if (i + u * w.step >= w.end) continue;
            UNROLL
            for (int j = 0; j < width; j++) {
                float y = fmaf(x[u][j], scale[j], shift[j]);
                if (p->addend) y += addend[u][j];
                x[u][j] = p->relu ? relu_of(y) : y;
            }
            STORE(p->y + i + u * w.step, width, x[u]);
        }
    }
}

KERNEL(NAME(bn_apply), NAME(BnApply)) {
    if (p.c % LANES == 0 && aligned(p.x) && aligned(p.addend) && aligned(p.y)) NAME(bn_apply_all)(&p, LANES);
    else NAME(bn_apply_all)(&p, 1);
}

// What a ReLU behind the normalisation lets through of a gradient. Gate 0: there is none; 1: by x alone, with
// bn_apply's arithmetic and so its signs; 2: by the output.
DEVICE float NAME(gated)(float g, float x, float output, float scale, float shift, int gate) {
    const float y = gate == 1 ? ROUNDED(fmaf(x, scale, shift)) : output;
    return gate == 0 || y > 0 ? g : 0;
}

// Sums of g, the gated gradient, and of g * (x - mean), partial[blocks][2][c]. scale and shift are read by
// gate 1 alone, output by gate 2 alone.
typedef struct {
    const T* grad; const T* x; const T* output; const float* scale; const float* shift; const float* mean;
    float* partial; I64 rows; int c; int gate;
} NAME(BnGradSums);

DEVICE void NAME(bn_grad_sums_all)(const NAME(BnGradSums)* p, float* shared, int width) {
    const Column o = column(p->c, width);
    float scale[LANES], shift[LANES], mean[LANES], sums[2 * LANES];
    UNROLL
    for (int j = 0; j < width; j++) {
        scale[j] = p->gate == 1 ? p->scale[o.channel + j] : 0;
        shift[j] = p->gate == 1 ? p->shift[o.channel + j] : 0;
        mean[j] = p->mean[o.channel + j];
        sums[j] = sums[width + j] = 0;
    }
    for (I64 r = o.idle ? p->rows : o.first; r < p->rows; r += 4 * o.step) {
        float g[4][LANES], x[4][LANES], y[4][LANES];
        UNROLL
        for (int u = 0; u < 4; u++) {
            const I64 row = r + u * o.step < p->rows ? r + u * o.step : 0, i = row * p->c + o.channel;
            LOAD(p->grad + i, width, g[u]);
            LOAD(p->x + i, width, x[u]);
            if (p->gate == 2) LOAD(p->output + i, width, y[u]);
        }
        UNROLL
        for (int u = 0; u < 4; u++) {
            if (r + u * o.step >= p->rows) continue;
            UNROLL
            for (int j = 0; j < width; j++) {
                const float of = NAME(gated)(g[u][j], x[u][j], p->gate == 2 ? y[u][j] : 0, scale[j], shift[j], p->gate);
                sums[j] += of;
                sums[width + j] = fmaf(of, x[u][j] - mean[j], sums[width + j]);
            }
        }
    }
    write_partial(shared, o, 2, width, sums, p->partial, p->c);
}

KERNEL(NAME(bn_grad_sums), NAME(BnGradSums)) {
    SHARED float shared[512 * LANES];
    const int wide = p.c % LANES == 0 && aligned(p.grad) && aligned(p.x) && aligned(p.output);
    if (!has_columns(p.c, wide ? LANES : 1)) return;
    if (wide) NAME(bn_grad_sums_all)(&p, shared, LANES);
    else NAME(bn_grad_sums_all)(&p, shared, 1);
}

// grad_x = a * g + b * x + k (unless grad_x is null; it may be grad itself); keep: grad = g.
typedef struct {
    T* grad; const T* x; const T* output; const float* scale; const float* shift;
    const float* a; const float* b; const float* k; T* grad_x; I64 rows; int c; int gate; int keep;
} NAME(BnGradApply);

DEVICE void NAME(bn_grad_apply_all)(const NAME(BnGradApply)* p, int width) {
    const Walk w = walk(p->rows, p->c, width);
    float scale[LANES], shift[LANES], a[LANES], b[LANES], k[LANES];
    UNROLL
    for (int j = 0; j < width; j++) {
        scale[j] = p->gate == 1 ? p->scale[w.channel + j] : 0;
        shift[j] = p->gate == 1 ? p->shift[w.channel + j] : 0;
        a[j] = p->a[w.channel + j], b[j] = p->b[w.channel + j], k[j] = p->k[w.channel + j];
    }
    for (I64 i = w.first; i < w.end; i += 2 * w.step) {
        float g[2][LANES], x[2][LANES], y[2][LANES];
        UNROLL
        for (int u = 0; u < 2; u++) {
            const I64 at = i + u * w.step;
            if (at >= w.end) continue;
            LOAD(p->grad + at, width, g[u]);
            LOAD(p->x + at, width, x[u]);
            if (p->gate == 2) LOAD(p->output + at, width, y[u]);
        }
        UNROLL
        for (int u = 0; u < 2; u++) {
            const I64 at = i + u * w.step;
            if (at >= w.end) continue;
            UNROLL
            for (int j = 0; j < width; j++) {
                g[u][j] = NAME(gated)(g[u][j], x[u][j], p->gate == 2 ? y[u][j] : 0, scale[j], shift[j], p->gate);
                x[u][j] = fmaf(g[u][j], a[j], fmaf(x[u][j], b[j], k[j]));
            }
            if (p->keep) STORE(p->grad + at, width, g[u]);
            if (p->grad_x) STORE(p->grad_x + at, width, x[u]);
        }
    }
}

KERNEL(NAME(bn_grad_apply), NAME(BnGradApply)) {
    const int wide = aligned(p.grad) && aligned(p.x) && aligned(p.output) && aligned(p.grad_x);
    if (p.c % LANES == 0 && wide) NAME(bn_grad_apply_all)(&p, LANES);
    else NAME(bn_grad_apply_all)(&p, 1);
}
