// Max pooling and its gradient, for any kernel of up to 256 taps, stride and padding; flat over y, over grad_x.

// index (unless null) is the row-major place in the window that held the first maximum; a NaN beats everything.
typedef struct { const T* x; T* y; unsigned char* index; Window g; } NAME(MaxPool);

DEVICE void NAME(max_pool_at)(const NAME(MaxPool)* p, I64 i, int width) {
    const Window g = p->g;
    const Place o = place(i, g.od, g.oh, g.ow, g.c, width);
    const Range zs = under(o.z, g.d, g.kd, g.sd, g.pd), ys = under(o.y, g.h, g.kh, g.sh, g.ph);
    const Range xs = under(o.x, g.w, g.kw, g.sw, g.pw);
    // Of an input position: its tap, less this.
    const int tap_of_0 = ((o.z * g.sd - g.pd) * g.kh + o.y * g.sh - g.ph) * g.kw + o.x * g.sw - g.pw;
    float best[LANES];
    int first[LANES];
    UNROLL
    for (int j = 0; j < width; j++) {
        best[j] = float_of(0xff800000);
        // Where nothing beats minus infinity, the first position inside holds the maximum.
        first[j] = (zs.from * g.kh + ys.from) * g.kw + xs.from - tap_of_0;
    }
    for (int z = zs.from; z < zs.to; z++) {
        for (int y = ys.from; y < ys.to; y++) {
            const T* line = p->x + element(o.n, z, y, 0, g.d, g.h, g.w, g.c) + o.channel;
            const int tap = (z * g.kh + y) * g.kw - tap_of_0;
            for (int x = xs.from; x < xs.to; x++) {
                float v[LANES];
                LOAD(line + (I64)x * g.c, width, v);
                UNROLL
                for (int j = 0; j < width; j++) {
                    const int beats = v[j] > best[j] || v[j] != v[j];
                    best[j] = beats ? v[j] : best[j];
                    first[j] = beats ? tap + x : first[j];
                }
            }
        }
    }
    STORE(p->y + i * width, width, best);
    if (!p->index) return;
    if (width == 1) {
        p->index[i] = (unsigned char)first[0];
        return;
    }
    UNROLL
    for (int j = 0; j < width; j += 4) {
        const unsigned pair = (unsigned)(first[j] | first[j + 1] << 8), next = (unsigned)(first[j + 2] | first[j + 3] << 8);
        *(unsigned*)(p->index + i * width + j) = pair | next << 16;
    }
}

KERNEL(NAME(max_pool), NAME(MaxPool)) {
    const I64 positions = (I64)p.g.n * p.g.od * p.g.oh * p.g.ow;
    if (p.g.c % LANES == 0 && aligned(p.x) && aligned(p.y) && aligned(p.index)) {
        for (I64 i = in_grid(); i < positions * (p.g.c / LANES); i += grid_threads()) NAME(max_pool_at)(&p, i, LANES);
    } else {
        for (I64 i = in_grid(); i < positions * p.g.c; i += grid_threads()) NAME(max_pool_at)(&p, i, 1);
    }
}

// Each input position gathers from the windows whose maximum it held.
typedef struct { const T* grad_y; const unsigned char* index; T* grad_x; Window g; } NAME(MaxPoolGrad);

DEVICE void NAME(max_pool_grad_at)(const NAME(MaxPoolGrad)* p, I64 i, int width) {
    const Window g = p->g;
    const Place o = place(i, g.d, g.h, g.w, g.c, width);
    const Range zs = covering(o.z, g.od, g.kd, g.sd, g.pd), ys = covering(o.y, g.oh, g.kh, g.sh, g.ph);
    const Range xs = covering(o.x, g.ow, g.kw, g.sw, g.pw);
    float sum[LANES];
    UNROLL
    for (int j = 0; j < width; j++) sum[j] = 0;
    for (int z = zs.from; z < zs.to; z++) {
        for (int y = ys.from; y < ys.to; y++) {
            const int row = ((o.z + g.pd - z * g.sd) * g.kh + o.y + g.ph - y * g.sh) * g.kw;
            for (int x = xs.from; x < xs.to; x++) {
                const I64 at = element(o.n, z, y, x, g.od, g.oh, g.ow, g.c) + o.channel;
                const unsigned tap = (unsigned)(row + o.x + g.pw - x * g.sw);
                float v[LANES];
                LOAD(p->grad_y + at, width, v);
                if (width == 1) {
                    sum[0] += p->index[at] == tap ? v[0] : 0;
                    continue;
                }
                UNROLL
                for (int j = 0; j < width; j++) {
                    const unsigned four = *(const unsigned*)(p->index + at + j / 4 * 4);
                    sum[j] += (four >> j % 4 * 8 & 255) == tap ? v[j] : 0;
                }
            }
        }
    }
    STORE(p->grad_x + i * width, width, sum);
}

KERNEL(NAME(max_pool_grad), NAME(MaxPoolGrad)) {
    const I64 positions = (I64)p.g.n * p.g.d * p.g.h * p.g.w;
    if (p.g.c % LANES == 0 && aligned(p.grad_y) && aligned(p.index) && aligned(p.grad_x)) {
        for (I64 i = in_grid(); i < positions * (p.g.c / LANES); i += grid_threads()) NAME(max_pool_grad_at)(&p, i, LANES);
    } else {
        for (I64 i = in_grid(); i < positions * p.g.c; i += grid_threads()) NAME(max_pool_grad_at)(&p, i, 1);
    }
}
