// Sums over windows, and values spread over windows: average pooling and nearest upsampling are one of these
// each, and each is the other's gradient.

// y = scale * sum of the window's positions of x; flat over y, or large where a window has more than 64 taps.
typedef struct { const T* x; T* y; float scale; Window g; } NAME(WindowGather);

DEVICE void NAME(gather_at)(const NAME(WindowGather)* p, I64 i, int width) {
    const Window g = p->g;
    const Place o = place(i, g.od, g.oh, g.ow, g.c, width);
    const Range zs = under(o.z, g.d, g.kd, g.sd, g.pd), ys = under(o.y, g.h, g.kh, g.sh, g.ph);
    const Range xs = under(o.x, g.w, g.kw, g.sw, g.pw);
    float sum[LANES];
    UNROLL
    for (int j = 0; j < width; j++) sum[j] = 0;
    for (int z = zs.from; z < zs.to; z++) {
        for (int y = ys.from; y < ys.to; y++) {
            const T* line = p->x + element(o.n, z, y, 0, g.d, g.h, g.w, g.c) + o.channel;
            for (int x = xs.from; x < xs.to; x++) {
                float v[LANES];
                LOAD(line + (I64)x * g.c, width, v);
                UNROLL
                for (int j = 0; j < width; j++) sum[j] += v[j];
            }
        }
    }
    UNROLL
    for (int j = 0; j < width; j++) sum[j] *= p->scale;
    STORE(p->y + i * width, width, sum);
}

// One output position and 32 channels a block: threads take taps in turn.
DEVICE void NAME(gather_large)(const NAME(WindowGather)* p, float* shared, int width) {
    const Window g = p->g;
    const int groups = (g.c + 31) / 32, lanes = 32 / width, slots = 256 / lanes;
    const int lane = in_block() % lanes, slot = in_block() / lanes;
    const I64 positions = (I64)g.n * g.od * g.oh * g.ow;
    for (I64 job = blockIdx.x; job < positions * groups; job += gridDim.x) {
        I64 position = job;
        const int channel = split(&position, groups) * 32 + lane * width;
        const Place o = place(position, g.od, g.oh, g.ow, 1, 1);
        const Range zs = under(o.z, g.d, g.kd, g.sd, g.pd), ys = under(o.y, g.h, g.kh, g.sh, g.ph);
        const Range xs = under(o.x, g.w, g.kw, g.sw, g.pw);
        const int taps = channel < g.c ? (zs.to - zs.from) * (ys.to - ys.from) * (xs.to - xs.from) : 0;
        float sum[LANES];
        UNROLL
        for (int j = 0; j < width; j++) sum[j] = 0;
        for (int t = slot; t < taps; t += slots) {
            I64 rest = t;
            const int x = xs.from + split(&rest, xs.to - xs.from), y = ys.from + split(&rest, ys.to - ys.from);
            float v[LANES];
            LOAD(p->x + element(o.n, zs.from + (int)rest, y, x, g.d, g.h, g.w, g.c) + channel, width, v);
            UNROLL
            for (int j = 0; j < width; j++) sum[j] += v[j];
        }
        // The round before may still be read.
        __syncthreads();
        block_sum(shared, lanes, width, sum);
        if (slot != 0 || channel >= g.c) continue;
        UNROLL
        for (int j = 0; j < width; j++) sum[j] *= p->scale;
        STORE(p->y + position * g.c + channel, width, sum);
    }
}

KERNEL(NAME(window_gather), NAME(WindowGather)) {
    SHARED float shared[256 * LANES];
    const Window g = p.g;
    const int wide = g.c % LANES == 0 && aligned(p.x) && aligned(p.y);
    const I64 positions = (I64)g.n * g.od * g.oh * g.ow;
    if ((I64)g.kd * g.kh * g.kw > 64) {
        if (wide) NAME(gather_large)(&p, shared, LANES);
        else NAME(gather_large)(&p, shared, 1);
    } else if (wide) {
        for (I64 i = in_grid(); i < positions * (g.c / LANES); i += grid_threads()) NAME(gather_at)(&p, i, LANES);
    } else {
        for (I64 i = in_grid(); i < positions * g.c; i += grid_threads()) NAME(gather_at)(&p, i, 1);
    }
}

// x = scale * sum of y over the windows that cover it; flat over x.
typedef struct { const T* y; T* x; float scale; Window g; } NAME(WindowSpread);

DEVICE void NAME(spread_at)(const NAME(WindowSpread)* p, I64 i, int width) {
    const Window g = p->g;
    const Place o = place(i, g.d, g.h, g.w, g.c, width);
    const Range zs = covering(o.z, g.od, g.kd, g.sd, g.pd), ys = covering(o.y, g.oh, g.kh, g.sh, g.ph);
    const Range xs = covering(o.x, g.ow, g.kw, g.sw, g.pw);
    float sum[LANES];
    UNROLL
    for (int j = 0; j < width; j++) sum[j] = 0;
    for (int z = zs.from; z < zs.to; z++) {
        for (int y = ys.from; y < ys.to; y++) {
            const T* line = p->y + element(o.n, z, y, 0, g.od, g.oh, g.ow, g.c) + o.channel;
            for (int x = xs.from; x < xs.to; x++) {
                float v[LANES];
                LOAD(line + (I64)x * g.c, width, v);
                UNROLL
                for (int j = 0; j < width; j++) sum[j] += v[j];
            }
        }
    }
    UNROLL
    for (int j = 0; j < width; j++) sum[j] *= p->scale;
    STORE(p->x + i * width, width, sum);
}

KERNEL(NAME(window_spread), NAME(WindowSpread)) {
    const I64 positions = (I64)p.g.n * p.g.d * p.g.h * p.g.w;
    if (p.g.c % LANES == 0 && aligned(p.x) && aligned(p.y)) {
        for (I64 i = in_grid(); i < positions * (p.g.c / LANES); i += grid_threads()) NAME(spread_at)(&p, i, LANES);
    } else {
        for (I64 i = in_grid(); i < positions * p.g.c; i += grid_threads()) NAME(spread_at)(&p, i, 1);
    }
}
