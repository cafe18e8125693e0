// A range of channels copied into a range of another array's: concatenation and its gradient; flat over what is copied.

typedef struct {
    const T* from; T* to; I64 rows; int from_c; int from_first; int to_c; int to_first; int count;
} NAME(CopyChannels);

DEVICE void NAME(copy_channels_at)(const NAME(CopyChannels)* p, I64 i, int width) {
    const int channel = split(&i, p->count / width) * width;
    float v[LANES];
    LOAD(p->from + i * p->from_c + p->from_first + channel, width, v);
    STORE(p->to + i * p->to_c + p->to_first + channel, width, v);
}

KERNEL(NAME(copy_channels), NAME(CopyChannels)) {
    const int odd = (p.from_c | p.from_first | p.to_c | p.to_first | p.count) % LANES;
    if (!odd && aligned(p.from) && aligned(p.to)) {
        for (I64 i = in_grid(); i < p.rows * (p.count / LANES); i += grid_threads()) NAME(copy_channels_at)(&p, i, LANES);
    } else {
        for (I64 i = in_grid(); i < p.rows * p.count; i += grid_threads()) NAME(copy_channels_at)(&p, i, 1);
    }
}
