// Optimizer steps, in the CPU's order of operations, and bf16 copies of weights; flat. narrow may be null.

typedef struct {
    float* value; const float* grad; float* first; float* second; unsigned short* narrow; const Scalars* s; I64 n;
} Adam;

DEVICE void adam_at(const Adam* p, I64 i, int width) {
    const Scalars s = *p->s;
    float value[4], g[4], first[4], second[4];
    load_f32(p->value + i, width, value);
    load_f32(p->grad + i, width, g);
    load_f32(p->first + i, width, first);
    load_f32(p->second + i, width, second);
    UNROLL
    for (int j = 0; j < width; j++) {
        g[j] = fmaf(s.l2, value[j], g[j]);
        first[j] = fmaf(s.one_minus_beta1, g[j] - first[j], first[j]);
        second[j] = fmaf(s.one_minus_beta2 * g[j], g[j], s.beta2 * second[j]);
        const float denominator = sqrtf(second[j]) / s.correction2_sqrt + s.eps;
        value[j] = fmaf(-s.step_size, first[j] / denominator, value[j] * s.shrink);
    }
    store_f32(p->value + i, width, value);
    store_f32(p->first + i, width, first);
    store_f32(p->second + i, width, second);
    if (p->narrow) store_bf16(p->narrow + i, width, value);
}

KERNEL(adam, Adam) {
    FLAT(adam_at, p.n, 4, aligned(p.value) && aligned(p.grad) && aligned(p.first) && aligned(p.second) && aligned(p.narrow));
}

typedef struct { float* value; const float* grad; float* first; unsigned short* narrow; const Scalars* s; I64 n; } Sgd;

// The first velocity is the gradient itself, as PyTorch starts it.
DEVICE void sgd_at(const Sgd* p, I64 i, int width) {
    const float momentum = p->s->first_step != 0 ? 0 : p->s->momentum, l2 = p->s->l2, lr = p->s->lr;
    float value[4], g[4], velocity[4];
    load_f32(p->value + i, width, value);
    load_f32(p->grad + i, width, g);
    load_f32(p->first + i, width, velocity);
    UNROLL
    for (int j = 0; j < width; j++) {
        velocity[j] = fmaf(momentum, velocity[j], fmaf(l2, value[j], g[j]));
        value[j] = fmaf(-lr, velocity[j], value[j]);
    }
    store_f32(p->value + i, width, value);
    store_f32(p->first + i, width, velocity);
    if (p->narrow) store_bf16(p->narrow + i, width, value);
}

KERNEL(sgd, Sgd) {
    FLAT(sgd_at, p.n, 4, aligned(p.value) && aligned(p.grad) && aligned(p.first) && aligned(p.narrow));
}

typedef struct { const float* x; unsigned short* y; I64 n; } Narrow;

DEVICE void narrow_at(const Narrow* p, I64 i, int width) {
    float v[8];
    load_f32(p->x + i, width, v);
    store_bf16(p->y + i, width, v);
}

KERNEL(narrow, Narrow) { FLAT(narrow_at, p.n, 8, aligned(p.x) && aligned(p.y)); }
