// The arithmetic of the simulated cuDNN: a convolution's three products on tensors of any strides, summed in double.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The rows below are long enough to be worth the widest instructions that the machine has.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#define WIDEST __attribute__((target_clones("avx2", "default")))
#else
#define WIDEST
#endif

enum { FORWARD, DATA, FILTER };
enum { EXACT, VARYING, TENSOR_CORE, UNREADY };

// Sizes and strides are (first, channels, depth, height, width).
typedef struct {
    char *data;
    int64_t size[5], stride[5];
} Tensor;

typedef struct {
    int direction, engine, bf16;
    Tensor x, w, y;
    int64_t step[3], padding[3], dilation[3];
    char *workspace;
    int64_t workspace_bytes;
} Work;

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static uint32_t to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

// To the nearest number with `dropped` bits fewer, ties to even; NaN stays NaN.
static float rounded(float value, int dropped) {
    uint32_t bits = to_bits(value);
    if (isnan(value)) return value;
    bits += ((1u << (dropped - 1)) - 1) + (bits >> dropped & 1);
    return from_bits(bits & ~((1u << dropped) - 1));
}

static float read_element(const Work *k, const Tensor *t, int64_t at) {
    if (k->bf16) {
        uint16_t half;
        memcpy(&half, t->data + 2 * at, 2);
        return from_bits((uint32_t)half << 16);
    }
    float value;
    memcpy(&value, t->data + 4 * at, 4);
    return k->engine == TENSOR_CORE ? rounded(value, 13) : value;
}

static void write_element(const Work *k, const Tensor *t, int64_t at, double value) {
    float single = (float)value;
    uint16_t half = (uint16_t)(to_bits(rounded(single, 16)) >> 16);
    memcpy(t->data + (k->bf16 ? 2 : 4) * at, k->bf16 ? (void *)&half : (void *)&single, k->bf16 ? 2 : 4);
}

static int64_t positions(const Tensor *t) { return t->size[2] * t->size[3] * t->size[4]; }

// Where the element (first, 0, position) lies; positions count through depth, height, width.
static int64_t place(const Tensor *t, int64_t first, int64_t position) {
    int64_t w = position % t->size[4], h = position / t->size[4] % t->size[3], d = position / t->size[4] / t->size[3];
    return first * t->stride[0] + d * t->stride[2] + h * t->stride[3] + w * t->stride[4];
}

// One image as (position, channel), without gaps.
static void read_image(const Work *k, const Tensor *t, int64_t first, float *to) {
    for (int64_t p = 0; p < positions(t); p++)
        for (int64_t c = 0, at = place(t, first, p); c < t->size[1]; c++) *to++ = read_element(k, t, at + c * t->stride[1]);
}

static void write_image(const Work *k, const Tensor *t, int64_t first, const double *from, double factor) {
    for (int64_t p = 0; p < positions(t); p++)
        for (int64_t c = 0, at = place(t, first, p); c < t->size[1]; c++)
            write_element(k, t, at + c * t->stride[1], *from++ * factor);
}

// into[i] += factor * row[i]
WIDEST static void add_row(double *restrict into, double factor, const float *restrict row, int64_t length) {
    for (int64_t i = 0; i < length; i++) into[i] += factor * row[i];
}

// What the window of output position `o` sees through tap `t`: an input position, or -1 for the padding.
static int64_t seen(const Work *k, int64_t o, int64_t t) {
    int64_t position = 0, divided_o = positions(&k->y), divided_t = positions(&k->w);
    for (int d = 0; d < 3; d++) {
        divided_o /= k->y.size[d + 2];
        divided_t /= k->w.size[d + 2];
        int64_t at = o / divided_o % k->y.size[d + 2] * k->step[d] - k->padding[d];
        at += t / divided_t % k->w.size[d + 2] * k->dilation[d];
        if (at < 0 || at >= k->x.size[d + 2]) return -1;
        position = position * k->x.size[d + 2] + at;
    }
    return position;
}

// The filter as (tap, input, output) or, for the data gradient, (tap, output, input).
static void read_filter(const Work *k, float *to) {
    int64_t inputs = k->w.size[1], outputs = k->w.size[0];
    for (int64_t t = 0; t < positions(&k->w); t++)
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t c = 0, at = place(&k->w, o, t); c < inputs; c++)
                to[k->direction == DATA ? (t * outputs + o) * inputs + c : (t * inputs + c) * outputs + o] =
                    read_element(k, &k->w, at + c * k->w.stride[1]);
}

// One image's share of the product, added to `sum`.
static void add_image(const Work *k, const float *x, const float *w, const float *y, double *sum) {
    int64_t inputs = k->w.size[1], outputs = k->w.size[0];
    for (int64_t o = 0; o < positions(&k->y); o++)
        for (int64_t t = 0; t < positions(&k->w); t++) {
            int64_t i = seen(k, o, t);
            if (i < 0) continue;
            if (k->direction == FORWARD)
                for (int64_t c = 0; c < inputs; c++)
                    add_row(sum + o * outputs, x[i * inputs + c], w + (t * inputs + c) * outputs, outputs);
            if (k->direction == DATA)
                for (int64_t c = 0; c < outputs; c++)
                    add_row(sum + i * inputs, y[o * outputs + c], w + (t * outputs + c) * inputs, inputs);
            if (k->direction == FILTER)
                for (int64_t c = 0; c < outputs; c++)
                    add_row(sum + (c * positions(&k->w) + t) * inputs, y[o * outputs + c], x + i * inputs, inputs);
        }
}

// Done by the stream when its turn comes; never before.
static void compute(void *work) {
    static uint32_t calls;
    const Work *k = work;
    // An algorithm that varies is off by some last bits of f32 at every other call.
    double factor = k->engine == VARYING && (__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) & 1) ? 1 + 0x1p-21 : 1;
    int64_t inputs = k->w.size[1], outputs = k->w.size[0], taps = positions(&k->w);
    int64_t x_length = positions(&k->x) * inputs, y_length = positions(&k->y) * outputs;
    int64_t sums[] = {y_length, x_length, taps * inputs * outputs};
    // The whole workspace is an algorithm's to spoil.
    if (k->workspace_bytes) memset(k->workspace, 0xff, (size_t)k->workspace_bytes);
    float *x = malloc((size_t)x_length * 4), *y = malloc((size_t)y_length * 4);
    float *w = malloc((size_t)sums[FILTER] * 4);
    double *sum = calloc((size_t)sums[k->direction], 8);
    if (!x || !y || !w || !sum) abort();
    if (k->direction != FILTER) read_filter(k, w);
    for (int64_t n = 0; n < k->x.size[0]; n++) {
        if (k->direction != DATA) read_image(k, &k->x, n, x);
        if (k->direction != FORWARD) read_image(k, &k->y, n, y);
        add_image(k, x, w, y, sum);
        if (k->direction == FILTER) continue;
        write_image(k, k->direction == FORWARD ? &k->y : &k->x, n, sum, factor);
        memset(sum, 0, (size_t)sums[k->direction] * 8);
    }
    if (k->direction == FILTER)
        for (int64_t o = 0; o < outputs; o++) write_image(k, &k->w, o, sum + o * taps * inputs, factor);
    free(x), free(y), free(w), free(sum);
}
