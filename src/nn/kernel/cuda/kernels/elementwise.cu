// Element by element over activations: sums, ReLU, the logistic function; flat.

typedef struct { const T* a; const T* b; T* y; I64 n; int relu; } NAME(Add);

DEVICE void NAME(add_at)(const NAME(Add)* p, I64 i, int width) {
    float a[LANES], b[LANES];
    LOAD(p->a + i, width, a);
    LOAD(p->b + i, width, b);
    UNROLL
    for (int j = 0; j < width; j++) {
        a[j] += b[j];
        if (p->relu) a[j] = relu_of(a[j]);
    }
    STORE(p->y + i, width, a);
}

KERNEL(NAME(add), NAME(Add)) { FLAT(NAME(add_at), p.n, LANES, aligned(p.a) && aligned(p.b) && aligned(p.y)); }

typedef struct { const T* x; T* y; I64 n; } NAME(Map);

DEVICE void NAME(relu_at)(const NAME(Map)* p, I64 i, int width) {
    float v[LANES];
    LOAD(p->x + i, width, v);
    UNROLL
    for (int j = 0; j < width; j++) v[j] = relu_of(v[j]);
    STORE(p->y + i, width, v);
}

KERNEL(NAME(relu), NAME(Map)) { FLAT(NAME(relu_at), p.n, LANES, aligned(p.x) && aligned(p.y)); }

// 1 / (1 + e^-x), of an exponent that is never positive, so that nothing overflows.
DEVICE void NAME(sigmoid_at)(const NAME(Map)* p, I64 i, int width) {
    float v[LANES];
    LOAD(p->x + i, width, v);
    UNROLL
    for (int j = 0; j < width; j++) {
        const float e = expf(-fabsf(v[j]));
        v[j] = (v[j] < 0 ? e : 1.0f) / (1.0f + e);
    }
    STORE(p->y + i, width, v);
}

KERNEL(NAME(sigmoid), NAME(Map)) { FLAT(NAME(sigmoid_at), p.n, LANES, aligned(p.x) && aligned(p.y)); }

// Gradients from the outputs, in place.
typedef struct { T* grad; const T* y; I64 n; } NAME(MapGrad);

DEVICE void NAME(relu_grad_at)(const NAME(MapGrad)* p, I64 i, int width) {
    float g[LANES], y[LANES];
    LOAD(p->grad + i, width, g);
    LOAD(p->y + i, width, y);
    UNROLL
    for (int j = 0; j < width; j++) g[j] = y[j] > 0 ? g[j] : 0;
    STORE(p->grad + i, width, g);
}

KERNEL(NAME(relu_grad), NAME(MapGrad)) { FLAT(NAME(relu_grad_at), p.n, LANES, aligned(p.grad) && aligned(p.y)); }

DEVICE void NAME(sigmoid_grad_at)(const NAME(MapGrad)* p, I64 i, int width) {
    float g[LANES], y[LANES];
    LOAD(p->grad + i, width, g);
    LOAD(p->y + i, width, y);
    UNROLL
    for (int j = 0; j < width; j++) g[j] *= y[j] * (1.0f - y[j]);
    STORE(p->grad + i, width, g);
}

KERNEL(NAME(sigmoid_grad), NAME(MapGrad)) { FLAT(NAME(sigmoid_grad_at), p.n, LANES, aligned(p.grad) && aligned(p.y)); }
