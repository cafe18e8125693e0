// A simulated libcuda.so.1: one card (or HCWB_CARD_COUNT) of HCWB_CARD_BYTES of memory that runs the engine's own kernels on the CPU.
//
// Misuse that NVIDIA's driver answers with an error code is answered with that code; what would damage memory or
// results on a card without a word ends the program with a message. HCWB_CARD_DRIVER is the CUDA version (12000).

#include "emulate.h"
#include "memory.h"
#include "queue.h"

#include "../../src/nn/kernel/cuda/kernels/all.cu"

typedef uint64_t Address;

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
       INVALID_CONTEXT = 201, INVALID_PTX = 218, UNSUPPORTED_PTX = 222, INVALID_HANDLE = 400, NOT_FOUND = 500,
       NOT_READY = 600, CAPTURE_UNSUPPORTED = 900, CAPTURE_IMPLICIT = 906, CAPTURED_EVENT = 907 };

static const struct { int code; const char *name, *text; } errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the same stream as it began"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream"},
    {906, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing blocking stream"},
    {907, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
    {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "attempt to terminate a thread-local capture sequence from another thread"},
};

typedef struct { int device, holders; } Context;
typedef struct { int live; char* ptx; } Module;
typedef struct { Module* module; const Kernel* kernel; int has_barriers; } Function;

static pthread_mutex_t lock;
static int initialised, device_count;
static size_t card_bytes;
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

// ---- Devices and contexts

int cuInit(unsigned flags) {
    LOCKED;
    REQUIRE(flags == 0, INVALID_VALUE);
    const size_t count = setting("HCWB_CARD_COUNT", 1);
    REQUIRE(count > 0, NO_DEVICE);
    if (initialised) return OK;
    device_count = count > 8 ? 8 : (int)count;
    card_bytes = setting("HCWB_CARD_BYTES", (size_t)4 << 30);
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

static int error_text(int code, const char** to, int want_name) {
    REQUIRE(to, INVALID_VALUE);
    *to = NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code) return *to = want_name ? errors[i].name : errors[i].text, OK;
    return INVALID_VALUE;
}

int cuGetErrorName(int code, const char** name) { return error_text(code, name, 1); }
int cuGetErrorString(int code, const char** text) { return error_text(code, text, 0); }

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

// ---- Memory

int cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
    IN_CONTEXT;
    REQUIRE(free_bytes && total, INVALID_VALUE);
    *total = card_bytes;
    *free_bytes = card_bytes - used_bytes[context->device];
    return OK;
}

int cuMemAlloc_v2(Address* address, size_t bytes) {
    IN_CONTEXT;
    REQUIRE(address && bytes, INVALID_VALUE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    size_t* used = &used_bytes[context->device];
    const size_t cost = rounded_up(bytes, 512);
    REQUIRE(cost >= bytes && cost <= card_bytes - *used, OUT_OF_MEMORY);
    Region* r = new_region(bytes, context->device);
    REQUIRE(r, OUT_OF_MEMORY);
    *used += cost;
    *address = (Address)(uintptr_t)r->data;
    return OK;
}

int cuMemFree_v2(Address address) {
    IN_CONTEXT;
    if (address == 0) return OK;
    Region* r = region_of((void*)(uintptr_t)address, 1, context->device);
    REQUIRE(r && r->data == (char*)(uintptr_t)address, INVALID_VALUE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    run_all();
    used_bytes[r->device] -= rounded_up(r->bytes, 512);
    release_region(r);
    return OK;
}

int cuMemHostAlloc(void** host, size_t bytes, unsigned flags) {
    IN_CONTEXT;
    REQUIRE(host && bytes && flags < 8, INVALID_VALUE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    Region* r = new_region(bytes, -1);
    REQUIRE(r, OUT_OF_MEMORY);
    *host = r->data;
    return OK;
}

int cuMemFreeHost(void* host) {
    IN_CONTEXT;
    if (!host) return OK;
    Region* r = region_of(host, 1, -1);
    REQUIRE(r && r->data == host, INVALID_VALUE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    run_all();
    release_region(r);
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

// Copies from and to pinned memory wait in the queue; others are made at once, after the stream's work so far.
static int copy(void* to, const void* from, size_t bytes, Stream* s, const void* host) {
    if (bytes == 0) return OK;
    const int pageable = host && !region_of(host, bytes, -1);
    if (pageable && s->capture) return invalidate(s->capture, CAPTURE_UNSUPPORTED);
    Op* op = new_op(COPY, NULL, 0);
    op->to = to, op->from = from, op->bytes = bytes;
    queue_op(s, op);
    if (pageable) run_stream(s);
    return OK;
}

// Whether all the bytes lie in one allocation of this context's card.
static int on_card(Address address, size_t bytes) {
    return bytes == 0 || region_of((void*)(uintptr_t)address, bytes, context->device) != NULL;
}

int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, void* stream) {
    IN_CONTEXT;
    STREAM(s, stream);
    REQUIRE((from || !bytes) && on_card(to, bytes), INVALID_VALUE);
    return copy((void*)(uintptr_t)to, from, bytes, s, from);
}

int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, void* stream) {
    IN_CONTEXT;
    STREAM(s, stream);
    REQUIRE((to || !bytes) && on_card(from, bytes), INVALID_VALUE);
    return copy(to, (void*)(uintptr_t)from, bytes, s, to);
}

int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, void* stream) {
    IN_CONTEXT;
    STREAM(s, stream);
    REQUIRE(on_card(to, bytes) && on_card(from, bytes), INVALID_VALUE);
    if (bytes && (to < from ? from - to : to - from) < bytes) die("a copy's source and target overlap");
    return copy((void*)(uintptr_t)to, (void*)(uintptr_t)from, bytes, s, NULL);
}

int cuMemsetD8Async(Address address, unsigned char value, size_t bytes, void* stream) {
    IN_CONTEXT;
    STREAM(s, stream);
    REQUIRE(on_card(address, bytes), INVALID_VALUE);
    if (bytes == 0) return OK;
    Op* op = new_op(FILL, NULL, 0);
    op->to = (char*)(uintptr_t)address, op->fill = value, op->bytes = bytes;
    return queue_op(s, op);
}

// ---- Streams and events

int cuStreamCreate(void** stream, unsigned flags) {
    IN_CONTEXT;
    REQUIRE(stream && flags <= 1, INVALID_VALUE);
    Stream* s = calloc(1, sizeof *s);
    s->device = context->device;
    s->live = 1;
    s->next = streams;
    *stream = streams = s;
    return OK;
}

int cuStreamDestroy_v2(void* stream) {
    IN_CONTEXT;
    REQUIRE(stream, INVALID_HANDLE);
    STREAM(s, stream);
    if (s->capture) return invalidate(s->capture, CAPTURE_UNSUPPORTED);
    run_stream(s);
    s->live = 0;
    return OK;
}

int cuStreamSynchronize(void* stream) {
    IN_CONTEXT;
    STREAM(s, stream);
    if (s->capture) return invalidate(s->capture, CAPTURE_UNSUPPORTED);
    run_stream(s);
    return OK;
}

static Event* event_of(void* handle) {
    for (Event* e = events; e; e = e->next)
        if (e == handle && e->live) return e;
    return NULL;
}

int cuStreamWaitEvent(void* stream, void* event, unsigned flags) {
    IN_CONTEXT;
    Event* e = event_of(event);
    REQUIRE(e, INVALID_HANDLE);
    REQUIRE(flags == 0, INVALID_VALUE);
    STREAM(s, stream);
    return s == &legacy ? OK : wait_event(s, e);
}

int cuEventCreate(void** event, unsigned flags) {
    IN_CONTEXT;
    REQUIRE(event && flags <= 3, INVALID_VALUE);
    Event* e = calloc(1, sizeof *e);
    e->live = 1;
    e->timed = !(flags & 2);
    e->next = events;
    *event = events = e;
    return OK;
}

int cuEventDestroy_v2(void* event) {
    IN_CONTEXT;
    Event* e = event_of(event);
    REQUIRE(e, INVALID_HANDLE);
    e->live = 0;
    return OK;
}

int cuEventRecord(void* event, void* stream) {
    IN_CONTEXT;
    Event* e = event_of(event);
    REQUIRE(e, INVALID_HANDLE);
    STREAM(s, stream);
    const int code = record_event(e, s);
    if (s == &legacy) run_stream(s);
    return code;
}

int cuEventSynchronize(void* event) {
    IN_CONTEXT;
    Event* e = event_of(event);
    REQUIRE(e, INVALID_HANDLE);
    if (e->capture) return e->capture == capturing ? invalidate(capturing, CAPTURED_EVENT) : CAPTURED_EVENT;
    if (e->record && !e->record->done) run_until(e->record->stream, e->record->number);
    return OK;
}

int cuEventElapsedTime(float* milliseconds, void* from, void* to) {
    IN_CONTEXT;
    Event *a = event_of(from), *b = event_of(to);
    REQUIRE(a && b && a->timed && b->timed, INVALID_HANDLE);
    REQUIRE(!a->capture && !b->capture, CAPTURED_EVENT);
    REQUIRE(a->record && b->record, INVALID_HANDLE);
    REQUIRE(milliseconds, INVALID_VALUE);
    // On a card it may be ready by chance; nobody should count on that.
    REQUIRE(a->record->done && b->record->done, NOT_READY);
    *milliseconds = (float)(b->record->milliseconds - a->record->milliseconds);
    return OK;
}

// ---- Modules and kernels

int cuModuleLoadDataEx(void** module, const void* image, unsigned count, int* options, void** values) {
    IN_CONTEXT;
    REQUIRE(module && image && (!count || (options && values)), INVALID_VALUE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    const char* version = strstr(image, ".version ");
    int major, minor;
    REQUIRE(version && sscanf(version, ".version %d.%d", &major, &minor) == 2, INVALID_PTX);
    // PTX 8.n came with CUDA 12.n.
    REQUIRE((major + 4) * 1000 + minor * 10 <= (int)setting("HCWB_CARD_DRIVER", 12000), UNSUPPORTED_PTX);
    for (int i = 0; i < 64; i++) {
        if (modules[i] && modules[i]->live) continue;
        modules[i] = calloc(1, sizeof **modules);
        modules[i]->live = 1;
        modules[i]->ptx = strdup(image);
        *module = modules[i];
        return OK;
    }
    return OUT_OF_MEMORY;
}

static Module* module_of(void* handle) {
    for (int i = 0; i < 64; i++)
        if (handle && modules[i] == handle && modules[i]->live) return modules[i];
    return NULL;
}

int cuModuleUnload(void* module) {
    IN_CONTEXT;
    Module* m = module_of(module);
    REQUIRE(m, INVALID_HANDLE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    run_all();
    m->live = 0;
    free(m->ptx);
    return OK;
}

// The text of a kernel in a PTX, up to `*end`, or null.
static const char* entry_of(const char* ptx, const char* name, const char** end) {
    const size_t length = strlen(name);
    for (const char* at = ptx; (at = strstr(at, ".entry ")); ) {
        at += strlen(".entry ");
        if (strncmp(at, name, length) || at[length] != '(') continue;
        const char* next = strstr(at, ".entry ");
        *end = next ? next : at + strlen(at);
        return at;
    }
    return NULL;
}

int cuModuleGetFunction(void** function, void* module, const char* name) {
    IN_CONTEXT;
    Module* m = module_of(module);
    REQUIRE(m, INVALID_HANDLE);
    REQUIRE(function && name, INVALID_VALUE);
    const char* end = NULL;
    const char* entry = entry_of(m->ptx, name, &end);
    const Kernel* kernel = NULL;
    for (int i = 0; i < kernel_count; i++)
        if (!strcmp(kernels[i].name, name)) kernel = &kernels[i];
    REQUIRE(entry && kernel, NOT_FOUND);
    const char *bytes = strchr(entry, '['), *barrier = strstr(entry, "bar.sync");
    if (!bytes || strtoul(bytes + 1, NULL, 10) != kernel->argument_bytes)
        die("%s takes %zu bytes, but its PTX says otherwise: run make_ptx.py", name, kernel->argument_bytes);
    for (int i = 0; i < 1024; i++) {
        if (functions[i]) continue;
        functions[i] = calloc(1, sizeof **functions);
        *functions[i] = (Function){m, kernel, barrier && barrier < end};
        *function = functions[i];
        return OK;
    }
    return OUT_OF_MEMORY;
}

static Function* function_of(void* handle) {
    for (int i = 0; i < 1024 && functions[i]; i++)
        if (functions[i] == handle && functions[i]->module->live) return functions[i];
    return NULL;
}

int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream, void** arguments,
                          void** extra) {
    IN_CONTEXT;
    Function* f = function_of(function);
    REQUIRE(f, INVALID_HANDLE);
    STREAM(s, stream);
    REQUIRE(grid_x && grid_y && grid_z && grid_x < 1u << 31 && grid_y < 65536 && grid_z < 65536, INVALID_VALUE);
    // Every kernel is bound to blocks of at most 256.
    REQUIRE(block_x && block_y && block_z && (uint64_t)block_x * block_y * block_z <= 256, INVALID_VALUE);
    REQUIRE(arguments && arguments[0] && !extra, INVALID_VALUE);
    if (shared_bytes) die("%s uses no shared memory of the launch's", f->kernel->name);
    if (block_x * block_y * block_z != 256 || (block_x != 256 && block_x != 32) || block_z != 1)
        die("%s is launched with blocks of (%u, %u, %u)", f->kernel->name, block_x, block_y, block_z);
    Op* op = new_op(LAUNCH, arguments[0], f->kernel->argument_bytes);
    op->kernel = f->kernel;
    op->has_barriers = f->has_barriers;
    op->grid = (Dim){grid_x, grid_y, grid_z};
    op->block = (Dim){block_x, block_y, block_z};
    return queue_op(s, op);
}

// For other simulated libraries: queues (or captures) `work` on a copy of its argument, like a kernel.
void hcwb_card_enqueue(void* stream, void (*work)(void*), void* argument, unsigned long bytes) {
    LOCKED;
    if (!context) die("a library was called without a context");
    int code;
    Stream* s = stream_of(stream, &code);
    if (!s) die("a library was given a stream that does not serve (%d)", code);
    Op* op = new_op(WORK, argument, bytes);
    op->work = work;
    queue_op(s, op);
}

// ---- Graphs

int cuStreamBeginCapture_v2(void* stream, int mode) {
    IN_CONTEXT;
    REQUIRE(stream, CAPTURE_UNSUPPORTED);
    STREAM(s, stream);
    return begin_capture(s, mode);
}

int cuStreamEndCapture(void* stream, void** graph) {
    IN_CONTEXT;
    REQUIRE(graph, INVALID_VALUE);
    STREAM(s, stream);
    return end_capture(s, (Graph**)graph);
}

static Graph* graph_of(void* handle, int executable) {
    for (Graph* g = graphs; g; g = g->next)
        if (g == handle && g->live && g->executable == executable) return g;
    return NULL;
}

int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags) {
    IN_CONTEXT;
    Graph* g = graph_of(graph, 0);
    REQUIRE(executable && g && flags < 16, INVALID_VALUE);
    Graph* e = calloc(1, sizeof *e);
    e->ops = copy_ops(&g->ops);
    e->live = e->executable = 1;
    e->next = graphs;
    *executable = graphs = e;
    return OK;
}

static int destroy_graph(Graph* g) {
    REQUIRE(g, INVALID_VALUE);
    g->live = 0;
    free_ops(&g->ops);
    return OK;
}

int cuGraphDestroy(void* graph) {
    IN_CONTEXT;
    return destroy_graph(graph_of(graph, 0));
}

int cuGraphExecDestroy(void* executable) {
    IN_CONTEXT;
    return destroy_graph(graph_of(executable, 1));
}

int cuGraphLaunch(void* executable, void* stream) {
    IN_CONTEXT;
    Graph* g = graph_of(executable, 1);
    REQUIRE(g, INVALID_VALUE);
    STREAM(s, stream);
    Ops copy = copy_ops(&g->ops);
    for (Op *op = copy.first, *next; op; op = next) next = op->next, queue_op(s, op);
    return OK;
}
