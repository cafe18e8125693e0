// Runs the CUDA kernels on the CPU: blocks one after another, a block's threads as a loop or, where they wait for each other, as fibers.

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct { unsigned x, y, z; } Dim;
static Dim threadIdx, blockIdx, blockDim, gridDim;
typedef struct __attribute__((aligned(8))) { unsigned x, y; } uint2;
typedef struct __attribute__((aligned(16))) { unsigned x, y, z, w; } uint4;

// What would damage memory or results on a card without a word ends the program here.
__attribute__((noreturn, format(printf, 1, 2))) static void die(const char* format, ...) {
    va_list values;
    va_start(values, format);
    fputs("simulated card: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    abort();
}

typedef struct {
    const char* name;
    void (*thread)(const void* arguments);
    size_t argument_bytes;
} Kernel;

static Kernel kernels[256];
static int kernel_count;
static const Kernel* running;

static void add_kernel(const char* name, void (*thread)(const void*), size_t argument_bytes) {
    if (kernel_count == 256) die("more than 256 kernels");
    kernels[kernel_count++] = (Kernel){name, thread, argument_bytes};
}

// What kernels/kernel.h leaves open. Each kernel enters itself in the list when the library is loaded.
#define KERNEL(name, Arguments) KERNEL_(name, Arguments)
#define KERNEL_(name, Arguments)                                                                                       \
    static void name##_body(const Arguments p);                                                                        \
    static void name##_thread(const void* arguments) { name##_body(*(const Arguments*)arguments); }                    \
    __attribute__((constructor)) static void name##_enter(void) { add_kernel(#name, name##_thread, sizeof(Arguments)); } \
    static void name##_body(const Arguments p)
#define DEVICE static inline __attribute__((always_inline))
#define SHARED static
#define UNROLL

// A thread of a block that waits for others: a stack of its own, kept from block to block.
enum { FIBERS = 256, STACK_BYTES = 1 << 16 };
typedef struct {
    void* stack_pointer;
    Dim index;
} Fiber;

static Fiber fibers[FIBERS];
static int in_fibers, fiber_count, current, waiting;
static void* main_stack_pointer;
static const void* arguments_now;

#if defined(__x86_64__)
void card_swap(void** save, void* load);
__asm__(".text\n"
        ".type card_swap, @function\n"
        "card_swap:\n"
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
        "    ret\n");
// Below the address to begin at, which takes the stack's place for a call, lie six registers.
static void* new_stack(char* top, void (*begin)(void)) {
    void** slots = (void**)top - 8;
    memset(slots, 0, 8 * sizeof *slots);
    slots[6] = (void*)begin;
    return slots;
}
#elif defined(__aarch64__)
void card_swap(void** save, void* load);
__asm__(".text\n"
        ".type card_swap, %function\n"
        "card_swap:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp]\n    stp x21, x22, [sp, #16]\n    stp x23, x24, [sp, #32]\n    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n    stp x29, x30, [sp, #80]\n    stp d8, d9, [sp, #96]\n    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n    str x9, [x0]\n    mov sp, x1\n"
        "    ldp x19, x20, [sp]\n    ldp x21, x22, [sp, #16]\n    ldp x23, x24, [sp, #32]\n    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n    ldp x29, x30, [sp, #80]\n    ldp d8, d9, [sp, #96]\n    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n    ret\n");
static void* new_stack(char* top, void (*begin)(void)) {
    void** slots = (void**)top - 20;
    memset(slots, 0, 20 * sizeof *slots);
    slots[11] = (void*)begin;
    return slots;
}
#else
#error "the simulated card switches stacks on x86-64 and 64-bit Arm only"
#endif

// Lets the next thread of the block run; after the last, all must have come to the same barrier or to the end.
static void next_fiber(void) {
    Fiber* me = &fibers[current];
    if (++current == fiber_count) {
        if (waiting != 0 && waiting != fiber_count) die("threads of %s left while others wait at a barrier", running->name);
        current = 0;
        if (waiting == 0) {
            card_swap(&me->stack_pointer, main_stack_pointer);
            return;
        }
        waiting = 0;
    }
    Fiber* next = &fibers[current];
    if (next != me) card_swap(&me->stack_pointer, next->stack_pointer);
}

__attribute__((noinline)) static void __syncthreads(void) {
    if (!in_fibers) die("%s waits at a barrier, but its PTX has none", running->name);
    const int me = current;
    waiting++;
    next_fiber();
    threadIdx = fibers[me].index;
}

static void fiber(void) {
    for (;;) {
        threadIdx = fibers[current].index;
        running->thread(arguments_now);
        next_fiber();
    }
}

static void run_block_in_fibers(void) {
    static char* stacks;
    if (!stacks) {
        stacks = mmap(NULL, (size_t)FIBERS * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stacks == MAP_FAILED) die("no memory for the threads of a block");
        for (int i = 0; i < FIBERS; i++) fibers[i].stack_pointer = new_stack(stacks + (size_t)(i + 1) * STACK_BYTES, fiber);
    }
    fiber_count = 0;
    for (unsigned z = 0; z < blockDim.z; z++)
        for (unsigned y = 0; y < blockDim.y; y++)
            for (unsigned x = 0; x < blockDim.x; x++) fibers[fiber_count++].index = (Dim){x, y, z};
    current = waiting = 0;
    in_fibers = 1;
    card_swap(&main_stack_pointer, fibers[0].stack_pointer);
    in_fibers = 0;
}

static void run_block_in_turn(void) {
    for (threadIdx.z = 0; threadIdx.z < blockDim.z; threadIdx.z++)
        for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) running->thread(arguments_now);
}

static void run_kernel(const Kernel* kernel, Dim grid, Dim block, const void* arguments, int has_barriers) {
    running = kernel;
    arguments_now = arguments;
    gridDim = grid;
    blockDim = block;
    for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) has_barriers ? run_block_in_fibers() : run_block_in_turn();
    running = NULL;
}
