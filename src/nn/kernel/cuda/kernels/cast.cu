// Activations from f32 and to f32, and f32 gradients from either; flat.

typedef struct { const float* x; T* y; I64 n; } NAME(CastIn);

DEVICE void NAME(cast_in_at)(const NAME(CastIn)* p, I64 i, int width) {
    float v[LANES];
    load_f32(p->x + i, width, v);
    STORE(p->y + i, width, v);
}

KERNEL(NAME(cast_in), NAME(CastIn)) { FLAT(NAME(cast_in_at), p.n, LANES, aligned(p.x) && aligned(p.y)); }

typedef struct { const T* x; float* y; I64 n; } NAME(CastOut);

DEVICE void NAME(cast_out_at)(const NAME(CastOut)* p, I64 i, int width) {
    float v[LANES];
    LOAD(p->x + i, width, v);
    store_f32(p->y + i, width, v);
}

KERNEL(NAME(cast_out), NAME(CastOut)) { FLAT(NAME(cast_out_at), p.n, LANES, aligned(p.x) && aligned(p.y)); }

// grad (+)= x
typedef struct { const T* x; float* grad; const Scalars* s; I64 n; } NAME(Accumulate);

DEVICE void NAME(accumulate_at)(const NAME(Accumulate)* p, I64 i, int width) {
    float v[LANES], old[LANES];
    LOAD(p->x + i, width, v);
    if (p->s->accumulate != 0) {
        load_f32(p->grad + i, width, old);
        UNROLL
        for (int j = 0; j < width; j++) v[j] = old[j] + v[j];
    }
    store_f32(p->grad + i, width, v);
}

KERNEL(NAME(accumulate), NAME(Accumulate)) { FLAT(NAME(accumulate_at), p.n, LANES, aligned(p.x) && aligned(p.grad)); }
