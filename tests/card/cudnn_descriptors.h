// The descriptors of the simulated cuDNN: what each kind takes, in which type and number, and which are alive.
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Statuses, kinds of descriptors and types of values, by cuDNN's names and numbers.
enum { SUCCESS = 0, NOT_INITIALIZED = 1001, BAD_PARAM = 2000, NULL_POINTER = 2002, MISALIGNED = 2003 };
enum { NOT_FINALIZED = 2004, SHAPE_MISMATCH = 2008, ATTRIBUTE_TYPE = 2010, NOT_SUPPORTED = 3000, ARCH_MISMATCH = 3007 };
enum { CONVOLUTION = 1, ENGINE, CONFIG, HEURISTICS, PLAN, KNOB = 7, OP_FORWARD = 10, OP_FILTER, OP_DATA };
enum { GRAPH = 15, PACK, TENSOR };
enum { V_HANDLE, V_DATA_TYPE, V_INT64 = 3, V_FLOAT, V_POINTER = 6, V_CONV_MODE, V_HEUR_MODE, V_KNOB_TYPE };
enum { V_NOTE = 11, V_DESCRIPTOR = 15 };

// An attribute of a kind of descriptor: how many values it takes. Answers are read, and never set.
typedef struct {
    int kind, name, type, least, most, answer;
} Rule;
static const Rule rules[] = {
    {CONVOLUTION, 100, V_DATA_TYPE, 1, 1, 0}, {CONVOLUTION, 101, V_CONV_MODE, 1, 1, 0},
    {CONVOLUTION, 102, V_INT64, 1, 6, 0},     {CONVOLUTION, 103, V_INT64, 1, 6, 0},
    {CONVOLUTION, 104, V_INT64, 1, 6, 0},     {CONVOLUTION, 105, V_INT64, 1, 6, 0},
    {CONVOLUTION, 106, V_INT64, 1, 1, 0},     {HEURISTICS, 200, V_HEUR_MODE, 1, 1, 0},
    {HEURISTICS, 201, V_DESCRIPTOR, 1, 1, 0}, {HEURISTICS, 202, V_DESCRIPTOR, 0, 0, 1},
    {CONFIG, 300, V_DESCRIPTOR, 1, 1, 1},     {CONFIG, 302, V_DESCRIPTOR, 0, 0, 1},
    {PLAN, 400, V_HANDLE, 1, 1, 0},           {PLAN, 401, V_DESCRIPTOR, 1, 1, 0},
    {PLAN, 402, V_INT64, 1, 1, 1},            {KNOB, 600, V_KNOB_TYPE, 1, 1, 1},
    {KNOB, 601, V_INT64, 1, 1, 1},            {OP_FORWARD, 700, V_FLOAT, 1, 1, 0},
    {OP_FORWARD, 701, V_FLOAT, 1, 1, 0},      {OP_FORWARD, 702, V_DESCRIPTOR, 1, 1, 0},
    {OP_FORWARD, 703, V_DESCRIPTOR, 1, 1, 0}, {OP_FORWARD, 704, V_DESCRIPTOR, 1, 1, 0},
    {OP_FORWARD, 705, V_DESCRIPTOR, 1, 1, 0}, {OP_DATA, 706, V_FLOAT, 1, 1, 0},
    {OP_DATA, 707, V_FLOAT, 1, 1, 0},         {OP_DATA, 708, V_DESCRIPTOR, 1, 1, 0},
    {OP_DATA, 709, V_DESCRIPTOR, 1, 1, 0},    {OP_DATA, 710, V_DESCRIPTOR, 1, 1, 0},
    {OP_DATA, 711, V_DESCRIPTOR, 1, 1, 0},    {OP_FILTER, 712, V_FLOAT, 1, 1, 0},
    {OP_FILTER, 713, V_FLOAT, 1, 1, 0},       {OP_FILTER, 714, V_DESCRIPTOR, 1, 1, 0},
    {OP_FILTER, 715, V_DESCRIPTOR, 1, 1, 0},  {OP_FILTER, 716, V_DESCRIPTOR, 1, 1, 0},
    {OP_FILTER, 717, V_DESCRIPTOR, 1, 1, 0},  {GRAPH, 800, V_HANDLE, 1, 1, 0},
    {GRAPH, 801, V_DESCRIPTOR, 1, 16, 0},     {TENSOR, 900, V_INT64, 1, 1, 0},
    {TENSOR, 901, V_DATA_TYPE, 1, 1, 0},      {TENSOR, 902, V_INT64, 1, 8, 0},
    {TENSOR, 903, V_INT64, 1, 8, 0},          {TENSOR, 906, V_INT64, 1, 1, 0},
    {PACK, 1000, V_INT64, 0, 64, 0},          {PACK, 1001, V_POINTER, 0, 64, 0},
    {PACK, 1003, V_POINTER, 1, 1, 0},         {ENGINE, 1301, V_INT64, 1, 1, 1},
    {ENGINE, 1303, V_NOTE, 0, 0, 1},
};
enum { RULES = sizeof rules / sizeof *rules };

typedef struct Descriptor {
    struct Descriptor *next;
    int kind, finalized;
    int64_t count[RULES];
    int64_t values[RULES][16];
    // What a proposal of the heuristics is about.
    struct Descriptor *graph;
    int engine, knob;
} Descriptor;

typedef struct Handle {
    struct Handle *next;
    void *stream;
} Handle;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Descriptor *descriptors;
static Handle *handles;
static __thread char last_error[256];

static int fail(int status, const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    vsnprintf(last_error, sizeof last_error, text, arguments);
    va_end(arguments);
    return status;
}

static int is_live(const Descriptor *d) {
    pthread_mutex_lock(&lock);
    const Descriptor *at = descriptors;
    while (at && at != d) at = at->next;
    pthread_mutex_unlock(&lock);
    return d && at == d;
}

static int is_handle(const void *handle) {
    pthread_mutex_lock(&lock);
    const Handle *at = handles;
    while (at && at != handle) at = at->next;
    pthread_mutex_unlock(&lock);
    return handle && at == handle;
}

static int rule_of(int kind, int name) {
    for (int r = 0; r < RULES; r++)
        if (rules[r].kind == kind && rules[r].name == name) return r;
    return -1;
}

static int bytes_of(int type) {
    return type == V_HANDLE || type == V_INT64 || type == V_POINTER || type == V_DESCRIPTOR ? 8 : 4;
}

static int64_t *values(Descriptor *d, int name) { return d->values[rule_of(d->kind, name)]; }
static int64_t count(Descriptor *d, int name) { return d->count[rule_of(d->kind, name)]; }
static Descriptor *other(Descriptor *d, int name) { return (Descriptor *)values(d, name)[0]; }
static int code(Descriptor *d, int name) {
    int value;
    memcpy(&value, values(d, name), 4);
    return value;
}

// What a descriptor must refer to, by the attribute's name.
static int refers_to(int name, int kind) {
    if (name == 201) return kind == GRAPH;
    if (name == 401) return kind == CONFIG;
    if (name == 801) return kind == OP_FORWARD || kind == OP_DATA || kind == OP_FILTER;
    if (name == 702 || name == 708 || name == 714) return kind == CONVOLUTION;
    return kind == TENSOR;
}

int cudnnBackendCreateDescriptor(int kind, Descriptor **descriptor) {
    int known = 0;
    for (int r = 0; r < RULES; r++) known |= rules[r].kind == kind;
    if (!descriptor) return fail(NULL_POINTER, "no place for the descriptor");
    if (!known) return fail(NOT_SUPPORTED, "no such kind of descriptor: %d", kind);
    *descriptor = calloc(1, sizeof **descriptor);
    (*descriptor)->kind = kind;
    pthread_mutex_lock(&lock);
    (*descriptor)->next = descriptors;
    descriptors = *descriptor;
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}

int cudnnBackendDestroyDescriptor(Descriptor *d) {
    if (!is_live(d)) return fail(BAD_PARAM, "not a descriptor");
    pthread_mutex_lock(&lock);
    Descriptor **at = &descriptors;
    while (*at != d) at = &(*at)->next;
    *at = d->next;
    pthread_mutex_unlock(&lock);
    free(d);
    return SUCCESS;
}

int cudnnBackendSetAttribute(Descriptor *d, int name, int type, int64_t number, const void *from) {
    if (!is_live(d)) return fail(BAD_PARAM, "not a descriptor");
    if (d->finalized) return fail(BAD_PARAM, "attribute %d is set after finalization", name);
    int r = rule_of(d->kind, name);
    if (r < 0 || rules[r].answer) return fail(BAD_PARAM, "kind %d takes no attribute %d", d->kind, name);
    if (type != rules[r].type) return fail(ATTRIBUTE_TYPE, "attribute %d is of type %d", name, rules[r].type);
    if (number < rules[r].least || number > rules[r].most || number > 16)
        return fail(BAD_PARAM, "attribute %d with %lld values", name, (long long)number);
    if (!from) return fail(NULL_POINTER, "attribute %d without values", name);
    for (int64_t i = 0; i < number && type == V_DESCRIPTOR; i++) {
        Descriptor *to = ((Descriptor *const *)from)[i];
        if (!is_live(to) || !refers_to(name, to->kind)) return fail(BAD_PARAM, "attribute %d: wrong descriptor", name);
        if (!to->finalized) return fail(NOT_FINALIZED, "attribute %d: an unfinalized descriptor", name);
    }
    if (type == V_HANDLE && !is_handle(*(void *const *)from)) return fail(BAD_PARAM, "not a handle");
    memcpy(d->values[r], from, (size_t)(number * bytes_of(type)));
    d->count[r] = number;
    return SUCCESS;
}
