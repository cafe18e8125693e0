// What every kernel is written in: the part of C that NVIDIA's compiler and a C compiler both take, and how kernels are launched.
//
// Each kernel takes one struct by value. An activation kernel exists for both element types, with the
// suffix _f32 or _bf16; all arithmetic is in f32, sums over blocks in f64, always in the same order, so every
// result is bit-equal from run to run. Products and sums are fused only where `fmaf` is written.
//
// Launch rules; every block has 256 threads:
//   flat      block 256; grid = min(ceil(n / 2048), 4096), n = elements written; any grid gives the same result.
//   planes    block 256; grid = (flat's of the positions, channels); loss_sums writes one partial a block.
//   columns   block (32, 8); grid = (ceil(c / 32), clamp(ceil(rows / 64), 1, 256)); partial rows = grid.y.
//   channels  block 256; grid = ceil(c / 32); any grid gives the same result.
//   one       block 256; grid = 1.
//   large     block 256; grid = output positions * ceil(c / 32): window_gather with more than 64 taps; any grid
//             gives the same result.

#ifndef KERNEL_H
#define KERNEL_H

typedef long long I64;
typedef unsigned long long U64;

// Without NVIDIA's compiler, whoever includes this has defined these.
#ifdef __CUDACC__
#define KERNEL(name, Arguments) extern "C" __global__ void __launch_bounds__(256) name(const Arguments p)
#define DEVICE static __device__ __forceinline__
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#endif

// What changes from step to step; read from the card's memory, so that a captured graph sees new values.
typedef struct {
    U64 seed;
    float accumulate; // not 0: gradients are added to what is there
    float share;      // of the batch, that this micro-batch is
    float lr, momentum, l2, shrink, eps, beta2, one_minus_beta1, one_minus_beta2, step_size, correction2_sqrt, first_step;
} Scalars;

// The number of this thread in its block of 256, and in a flat grid.
DEVICE int in_block(void) { return (int)(threadIdx.y * 32 + threadIdx.x); }
DEVICE I64 in_grid(void) { return (I64)blockIdx.x * 256 + threadIdx.x; }
DEVICE I64 grid_threads(void) { return (I64)gridDim.x * 256; }

// Calls at(&p, i, width) for elements 0..n: vectors of `lanes` if `wide`, then one by one.
#define FLAT(at, n, lanes, wide)                                                                                       \
    const I64 whole = (wide) ? (n) - (n) % (lanes) : 0;                                                                \
    for (I64 i = in_grid() * (lanes); i < whole; i += grid_threads() * (lanes)) at(&p, i, lanes);                      \
    for (I64 i = whole + in_grid(); i < (n); i += grid_threads()) at(&p, i, 1)

// Whether vectors of 16 bytes can be read there; a null pointer, never read, is no hindrance.
DEVICE int aligned(const void* address) { return ((U64)address & 15) == 0; }

// `a += b`, or `a = b` where nothing is to be kept.
DEVICE void add_grad(float* a, float b, const Scalars* s) { *a = s->accumulate != 0 ? *a + b : b; }

// Not a maximum: a NaN has to reach the loss, where it is seen.
DEVICE float relu_of(float v) { return v < 0 ? 0 : v; }

DEVICE float float_of(unsigned bits) {
    union { unsigned u; float f; } both;
    both.u = bits;
    return both.f;
}

DEVICE unsigned bits_of(float value) {
    union { unsigned u; float f; } both;
    both.f = value;
    return both.u;
}

// Two bf16, the nearest to each value, ties to even; `low` in the lower half.
DEVICE unsigned narrow_pair(float low, float high) {
#ifdef __CUDACC__
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
#else
    unsigned half[2];
    for (int i = 0; i < 2; i++) {
        const unsigned bits = bits_of(i ? high : low);
        const int nan = (bits & 0x7fffffff) > 0x7f800000;
        half[i] = nan ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
    return half[0] | half[1] << 16;
#endif
}

// Elements and vectors of them: `width` values, 1, 4 or 8.
typedef float Element_f32;
typedef unsigned short Element_bf16;

DEVICE void load_f32(const float* p, int width, float* v) {
    if (width == 1) {
        v[0] = p[0];
        return;
    }
    UNROLL
    for (int i = 0; i < width; i += 4) {
        const uint4 four = *(const uint4*)(p + i);
        v[i] = float_of(four.x), v[i + 1] = float_of(four.y), v[i + 2] = float_of(four.z), v[i + 3] = float_of(four.w);
    }
}

DEVICE void store_f32(float* p, int width, const float* v) {
    if (width == 1) {
        p[0] = v[0];
        return;
    }
    UNROLL
    for (int i = 0; i < width; i += 4) {
        const uint4 four = {bits_of(v[i]), bits_of(v[i + 1]), bits_of(v[i + 2]), bits_of(v[i + 3])};
        *(uint4*)(p + i) = four;
    }
}

DEVICE void load_bf16(const unsigned short* p, int width, float* v) {
    unsigned pair[4];
    if (width == 1) {
        v[0] = float_of((unsigned)p[0] << 16);
        return;
    }
    if (width == 4) {
        const uint2 four = *(const uint2*)p;
        pair[0] = four.x, pair[1] = four.y;
    } else {
        const uint4 eight = *(const uint4*)p;
        pair[0] = eight.x, pair[1] = eight.y, pair[2] = eight.z, pair[3] = eight.w;
    }
    UNROLL
    for (int i = 0; i < width / 2; i++) v[2 * i] = float_of(pair[i] << 16), v[2 * i + 1] = float_of(pair[i] & 0xffff0000);
}

DEVICE void store_bf16(unsigned short* p, int width, const float* v) {
    unsigned pair[4];
    if (width == 1) {
        p[0] = (unsigned short)narrow_pair(v[0], 0);
        return;
    }
    UNROLL
    for (int i = 0; i < width / 2; i++) pair[i] = narrow_pair(v[2 * i], v[2 * i + 1]);
    if (width == 4) {
        const uint2 four = {pair[0], pair[1]};
        *(uint2*)p = four;
    } else {
        const uint4 eight = {pair[0], pair[1], pair[2], pair[3]};
        *(uint4*)p = eight;
    }
}

DEVICE float rounded_f32(float value) { return value; }
DEVICE float rounded_bf16(float value) { return float_of(narrow_pair(value, 0) << 16); }

// In files of typed kernels, SUFFIX is f32 or bf16, and LANES the elements in 16 bytes.
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)
#define T NAME(Element)
#define LOAD NAME(load)
#define STORE NAME(store)
#define ROUNDED NAME(rounded)

// Sums `count` values over all threads of the same lane (in_block() % lanes, a power of two) by halving;
// they end in v of the threads below `lanes`. `shared` has 256 * count elements.
DEVICE void block_sum(float* shared, int lanes, int count, float* v) {
    const int me = in_block();
    UNROLL
    for (int k = 0; k < count; k++) shared[k * 256 + me] = v[k];
    for (int half = 128; half >= lanes; half /= 2) {
        __syncthreads();
        if (me >= half) continue;
        UNROLL
        for (int k = 0; k < count; k++) shared[k * 256 + me] += shared[k * 256 + me + half];
    }
    UNROLL
    for (int k = 0; k < count; k++) v[k] = shared[k * 256 + me];
}

// The same in f64 over all threads of the block: thread 0 has the sums.
DEVICE void block_sum_f64(double* shared, int count, double* v) {
    const int me = in_block();
    UNROLL
    for (int k = 0; k < count; k++) shared[k * 256 + me] = v[k];
    for (int half = 128; half >= 1; half /= 2) {
        __syncthreads();
        if (me >= half) continue;
        UNROLL
        for (int k = 0; k < count; k++) shared[k * 256 + me] += shared[k * 256 + me + half];
    }
    UNROLL
    for (int k = 0; k < count; k++) v[k] = shared[k * 256 + me];
}

// Splits a number by `size`: returns the remainder, leaves the quotient. 64-bit divisions only where needed.
DEVICE int split(I64* number, int size) {
    if (size == 1) return 0;
    if (*number >> 32 == 0) {
        const unsigned all = (unsigned)*number, quotient = all / (unsigned)size;
        *number = quotient;
        return (int)(all - quotient * (unsigned)size);
    }
    const int rest = (int)(*number % size);
    *number /= size;
    return rest;
}

#endif
