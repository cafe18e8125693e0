// Dropout with the CPU's draws: each a function of seed, layer and index alone; flat. y may be x.

#ifndef DROPOUT_CU
#define DROPOUT_CU
#define GOLDEN 0x9e3779b97f4a7c15ULL

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
DEVICE U64 mix(U64 z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}
#endif

typedef struct { const T* x; T* y; const Scalars* s; I64 n; U64 layer; double rate; } NAME(Dropout);

DEVICE void NAME(dropout_at)(const NAME(Dropout)* p, I64 i, int width) {
    const U64 key = mix(p->s->seed ^ mix(p->layer + GOLDEN));
    const U64 threshold = (U64)((double)(float)p->rate * 4294967296.0);
    const float scale = 1.0f / (1.0f - (float)p->rate);
    float v[LANES];
    LOAD(p->x + i, width, v);
    UNROLL
    for (int j = 0; j < width; j++) {
        const U64 draw = mix(key + (U64)(i + j) * GOLDEN) >> 32;
        v[j] = draw < threshold ? 0 : v[j] * scale;
    }
    STORE(p->y + i, width, v);
}

KERNEL(NAME(dropout), NAME(Dropout)) { FLAT(NAME(dropout_at), p.n, LANES, aligned(p.x) && aligned(p.y)); }
