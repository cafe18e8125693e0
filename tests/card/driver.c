// A simulated libcuda.so.1: one card (or HCWB_CARD_COUNT) of HCWB_CARD_BYTES of memory that runs the engine's own kernels on the CPU.
//
// Misuse that NVIDIA's driver answers with an error code is answered with that code; what would damage memory or
// results on a card without a word ends the program with a message. HCWB_CARD_DRIVER is the CUDA version (12000),
// HCWB_CARD_TAKEN what another program holds of the memory, HCWB_CARD_FAULT how the kernels are called that do nothing.

#include "emulate.h"
#include "memory.h"
#include "queue.h"
#include "errors.h"

#include "../../src/nn/kernel/cuda/kernels/all.cu"

typedef uint64_t Address;

typedef struct { int device, holders; } Context;
typedef struct { int live; char* ptx; } Module;
typedef struct { Module* module; const Kernel* kernel; int has_barriers; } Function;

static pthread_mutex_t lock;
static int initialised, device_count;
static size_t card_bytes, taken_bytes;
static Context contexts[8];
static __thread Context* context;
static Stream legacy; // stream 0: after everything before it, and at once
static Module* modules[64];
static Function* functions[1024];

__attribute__((constructor)) static void set_up(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &attributes);
}

static void unlock(pthread_mutex_t** held) { pthread_mutex_unlock(*held); }

// Held to the end of the function.
#define LOCKED                                                                                                         \
    __attribute__((cleanup(unlock), unused)) pthread_mutex_t* held = &lock;                                            \
    pthread_mutex_lock(held)
#define IN_CONTEXT                                                                                                     \
    LOCKED;                                                                                                            \
    if (!initialised) return NOT_INITIALIZED;                                                                          \
    if (!context || !context->holders) return INVALID_CONTEXT
#define REQUIRE(condition, code)                                                                                       \
    if (!(condition)) return code

static size_t setting(const char* name, size_t otherwise) {
    const char* text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

int cuInit(unsigned flags) {
    LOCKED;
    REQUIRE(flags == 0, INVALID_VALUE);
    const size_t count = setting("HCWB_CARD_COUNT", 1);
    REQUIRE(count > 0, NO_DEVICE);
    if (initialised) return OK;
    device_count = count > 8 ? 8 : (int)count;
    card_bytes = setting("HCWB_CARD_BYTES", (size_t)4 << 30);
    taken_bytes = setting("HCWB_CARD_TAKEN", 0);
    if (taken_bytes > card_bytes) die("HCWB_CARD_TAKEN is more than HCWB_CARD_BYTES");
    for (int i = 0; i < 8; i++) contexts[i].device = i;
    catch_faults();
    initialised = 1;
    return OK;
}

int cuDriverGetVersion(int* version) {
    REQUIRE(version, INVALID_VALUE);
    *version = (int)setting("HCWB_CARD_DRIVER", 12000);
    return OK;
}

int cuDeviceGetCount(int* count) {
    REQUIRE(initialised, NOT_INITIALIZED);
    REQUIRE(count, INVALID_VALUE);
    *count = device_count;
    return OK;
}

int cuDeviceGet(int* device, int ordinal) {
    REQUIRE(initialised, NOT_INITIALIZED);
    REQUIRE(device, INVALID_VALUE);
    REQUIRE(ordinal >= 0 && ordinal < device_count, INVALID_DEVICE);
    *device = ordinal;
    return OK;
}

#define DEVICE_IS_KNOWN                                                                                                \
    REQUIRE(initialised, NOT_INITIALIZED);                                                                             \
    REQUIRE(device >= 0 && device < device_count, INVALID_DEVICE)

int cuDeviceGetName(char* name, int length, int device) {
    DEVICE_IS_KNOWN;
    REQUIRE(name && length > 0, INVALID_VALUE);
    snprintf(name, (size_t)length, "Simulated card");
    return OK;
}

int cuDeviceGetPCIBusId(char* name, int length, int device) {
    DEVICE_IS_KNOWN;
    REQUIRE(name && length >= 13, INVALID_VALUE);
    snprintf(name, (size_t)length, "0000:%02x:00.0", device + 1);
    return OK;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
    DEVICE_IS_KNOWN;
    REQUIRE(value, INVALID_VALUE);
    switch (attribute) {
    case 1: *value = 1024; return OK;      // threads of a block
    case 8: *value = 49152; return OK;     // shared bytes of a block
    case 10: *value = 32; return OK;       // threads of a warp
    case 13: *value = 1980000; return OK;  // clock, kHz
    case 16: *value = 132; return OK;      // processors
    case 36: *value = 2619000; return OK;  // memory clock, kHz
    case 37: *value = 5120; return OK;     // bits of the memory's bus
    case 38: *value = 52428800; return OK; // bytes of L2
    case 39: *value = 2048; return OK;     // threads of a processor
    case 75: *value = 9; return OK;        // compute capability, major
    case 76: *value = 0; return OK;        // minor
    default: return INVALID_VALUE;
    }
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
    DEVICE_IS_KNOWN;
    REQUIRE(bytes, INVALID_VALUE);
    *bytes = card_bytes;
    return OK;
}

int cuDevicePrimaryCtxRetain(void** to, int device) {
    LOCKED;
    DEVICE_IS_KNOWN;
    REQUIRE(to, INVALID_VALUE);
    contexts[device].holders++;
    *to = &contexts[device];
    return OK;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    LOCKED;
    DEVICE_IS_KNOWN;
    REQUIRE(contexts[device].holders > 0, INVALID_CONTEXT);
    if (--contexts[device].holders == 0) run_all();
    return OK;
}

int cuCtxSetCurrent(void* to) {
    LOCKED;
    REQUIRE(initialised, NOT_INITIALIZED);
    Context* c = to;
    REQUIRE(!c || (c >= contexts && c < contexts + 8 && c->holders), INVALID_CONTEXT);
    context = c;
    return OK;
}

// The stream of a handle, or null with the error's code.
static Stream* stream_of(void* handle, int* code) {
    if (!handle) {
        *code = CAPTURE_IMPLICIT;
        if (capturing) return invalidate(capturing, 906), NULL;
        run_all();
        return &legacy;
    }
    for (Stream* s = streams; s; s = s->next)
        if (s == handle && s->live && s->device == context->device) return s;
    *code = INVALID_HANDLE;
    return NULL;
}

#define STREAM(name, handle)                                                                                           \
    int name##_code = OK;                                                                                              \
    Stream* const name = stream_of(handle, &name##_code);                                                              \
    if (!name) return name##_code

static int queue_op(Stream* s, Op* op) {
    enqueue(s, op);
    if (s == &legacy) run_stream(s);
    return OK;
}

#include "api_memory.h"
#include "api_module.h"
#include "api_stream.h"
