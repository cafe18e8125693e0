// A stand-in for cuDNN 9's graph API (libcudnn.so.9): it checks descriptors as cuDNN's header says, offers
// algorithms of each sort, and computes convolutions on the CPU when the simulated driver's stream gets there.
#include "cudnn_descriptors.h"
#include "cudnn_products.h"

// Of the simulated driver: queues `work` on a stream, or captures it, with a copy of its argument.
extern void hcwb_card_enqueue(void *stream, void (*work)(void *), void *argument, unsigned long bytes)
    __attribute__((weak));

size_t cudnnGetVersion(void) { return 92600; }
size_t cudnnGetCudartVersion(void) { return 12080; }
const char *cudnnGetErrorString(int status) {
    switch (status) {
    case SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case ARCH_MISMATCH: return "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH";
    default: return status < NOT_SUPPORTED ? "CUDNN_STATUS_BAD_PARAM" : "CUDNN_STATUS_NOT_SUPPORTED";
    }
}
void cudnnGetLastErrorString(char *message, size_t bytes) {
    snprintf(message, bytes, "%s", last_error);
    last_error[0] = 0;
}

int cudnnCreate(Handle **handle) {
    if (!handle) return fail(NULL_POINTER, "no place for the handle");
    if (!hcwb_card_enqueue) return fail(NOT_INITIALIZED, "no simulated driver is open");
    *handle = calloc(1, sizeof **handle);
    pthread_mutex_lock(&lock);
    (*handle)->next = handles;
    handles = *handle;
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}

int cudnnDestroy(Handle *handle) {
    if (!is_handle(handle)) return fail(BAD_PARAM, "not a handle");
    pthread_mutex_lock(&lock);
    Handle **at = &handles;
    while (*at != handle) at = &(*at)->next;
    *at = handle->next;
    pthread_mutex_unlock(&lock);
    free(handle);
    return SUCCESS;
}

int cudnnSetStream(Handle *handle, void *stream) {
    if (!is_handle(handle)) return fail(BAD_PARAM, "not a handle");
    handle->stream = stream;
    return SUCCESS;
}

static int finalize_tensor(Descriptor *d) {
    int type = code(d, 901), bytes = type == 9 ? 2 : 4;
    int64_t alignment = values(d, 900)[0];
    if (type != 0 && type != 9) return fail(NOT_SUPPORTED, "data type %d", type);
    if (alignment <= 0 || alignment % bytes) return fail(BAD_PARAM, "alignment %lld", (long long)alignment);
    if (count(d, 902) != count(d, 903)) return fail(BAD_PARAM, "as many strides as dimensions");
    for (int64_t i = 0; i < count(d, 902); i++)
        if (values(d, 902)[i] <= 0 || values(d, 903)[i] <= 0) return fail(BAD_PARAM, "sizes and strides are positive");
    return SUCCESS;
}

static int finalize_window(Descriptor *d) {
    int64_t spatial = values(d, 106)[0];
    if (spatial != 2 && spatial != 3) return fail(NOT_SUPPORTED, "%lld spatial dimensions", (long long)spatial);
    if (code(d, 100) != 0) return fail(NOT_SUPPORTED, "compute type %d", code(d, 100));
    if (code(d, 101) != 1) return fail(NOT_SUPPORTED, "convolution mode %d", code(d, 101));
    for (int name = 102; name <= 105; name++) {
        if (count(d, name) != spatial) return fail(BAD_PARAM, "attribute %d has not the spatial dimensions", name);
        for (int64_t i = 0; i < spatial; i++)
            if (values(d, name)[i] < (name < 104)) return fail(BAD_PARAM, "attribute %d is negative", name);
    }
    return SUCCESS;
}

// The tensors x, w and y, and the window of an operation.
typedef struct {
    Descriptor *x, *w, *y, *window;
} Operands;

static Operands operands(Descriptor *d) {
    if (d->kind == OP_FORWARD) return (Operands){other(d, 704), other(d, 703), other(d, 705), other(d, 702)};
    if (d->kind == OP_DATA) return (Operands){other(d, 710), other(d, 709), other(d, 711), other(d, 708)};
    return (Operands){other(d, 716), other(d, 715), other(d, 717), other(d, 714)};
}

static int finalize_operation(Descriptor *d) {
    int first = d->kind == OP_FORWARD ? 700 : d->kind == OP_DATA ? 706 : 712;
    float alpha, beta;
    memcpy(&alpha, values(d, first), 4);
    memcpy(&beta, values(d, first + 1), 4);
    if (alpha != 1 || beta != 0) return fail(NOT_SUPPORTED, "alpha is not 1, or beta not 0");
    Operands o = operands(d);
    if (!is_live(o.x) || !is_live(o.w) || !is_live(o.y) || !is_live(o.window)) return fail(BAD_PARAM, "destroyed");
    int64_t spatial = values(o.window, 106)[0];
    int64_t *x = values(o.x, 902), *w = values(o.w, 902), *y = values(o.y, 902);
    if (count(o.x, 902) != spatial + 2 || count(o.w, 902) != spatial + 2 || count(o.y, 902) != spatial + 2)
        return fail(BAD_PARAM, "tensors of other dimensions than the window");
    if (code(o.x, 901) != code(o.w, 901) || code(o.x, 901) != code(o.y, 901))
        return fail(NOT_SUPPORTED, "tensors of several types");
    if (x[0] != y[0] || x[1] != w[1] || w[0] != y[1]) return fail(SHAPE_MISMATCH, "batch or channels disagree");
    for (int64_t i = 0; i < spatial; i++) {
        int64_t padded = x[i + 2] + values(o.window, 104)[i] + values(o.window, 105)[i];
        int64_t reach = values(o.window, 102)[i] * (w[i + 2] - 1) + 1;
        if (padded < reach || (padded - reach) / values(o.window, 103)[i] + 1 != y[i + 2])
            return fail(SHAPE_MISMATCH, "spatial dimension %lld disagrees", (long long)i);
    }
    int64_t a = values(o.x, 906)[0], b = values(o.w, 906)[0], c = values(o.y, 906)[0];
    return a == b || b == c || a == c ? fail(BAD_PARAM, "an id is not unique") : SUCCESS;
}

static Descriptor *operation_of(Descriptor *graph) { return is_live(graph) ? other(graph, 801) : NULL; }

static int finalize(Descriptor *d) {
    switch (d->kind) {
    case TENSOR: return finalize_tensor(d);
    case CONVOLUTION: return finalize_window(d);
    case OP_FORWARD:
    case OP_DATA:
    case OP_FILTER: return finalize_operation(d);
    case GRAPH:
        if (count(d, 801) != 1) return fail(NOT_SUPPORTED, "a graph of several operations");
        return is_live(other(d, 801)) ? SUCCESS : fail(BAD_PARAM, "its operation is destroyed");
    case HEURISTICS: {
        if (!is_live(operation_of(other(d, 201)))) return fail(BAD_PARAM, "its graph is destroyed");
        int mode = code(d, 200), volume = values(operands(operation_of(other(d, 201))).window, 106)[0] == 3;
        if (mode < 0 || mode > 3) return fail(BAD_PARAM, "mode %d", mode);
        return mode == 1 && volume ? fail(NOT_SUPPORTED, "mode B knows no volumes") : SUCCESS;
    }
    case PLAN:
        if (!is_live(other(d, 401))) return fail(BAD_PARAM, "its configuration is destroyed");
        if (other(d, 401)->engine == UNREADY) return fail(ARCH_MISMATCH, "this engine is for another card");
        return SUCCESS;
    case PACK: return count(d, 1000) == count(d, 1001) ? SUCCESS : fail(BAD_PARAM, "ids and pointers differ");
    default: return fail(NOT_SUPPORTED, "kind %d is not finalized here", d->kind);
    }
}

int cudnnBackendFinalize(Descriptor *d) {
    if (!is_live(d)) return fail(BAD_PARAM, "not a descriptor");
    if (d->finalized) return fail(BAD_PARAM, "finalized twice");
    for (int r = 0; r < RULES; r++)
        if (rules[r].kind == d->kind && !rules[r].answer && d->count[r] < rules[r].least)
            return fail(BAD_PARAM, "attribute %d is missing", rules[r].name);
    int status = finalize(d);
    d->finalized = status == SUCCESS;
    return status;
}

// The proposals of each mode: an engine and its knob. A deterministic and exact one comes last and in no mode first.
static const int proposals[][5][2] = {
    {{TENSOR_CORE, 1}, {UNREADY, 0}, {VARYING, 0}, {TENSOR_CORE, 0}, {-1, 0}},
    {{TENSOR_CORE, 1}, {EXACT, 0}, {-1, 0}},
    {{EXACT, 0}, {-1, 0}},
    {{TENSOR_CORE, 1}, {UNREADY, 0}, {VARYING, 0}, {TENSOR_CORE, 0}, {-1, 0}},
};

static int64_t workspace_bytes(Descriptor *config) {
    if (config->engine != TENSOR_CORE) return 0;
    return 4 * count(operands(operation_of(config->graph)).x, 902) * (1 + config->knob) + 251;
}

// Makes an empty descriptor of the caller's an answer.
static int answer(Descriptor *to, int kind, Descriptor *graph, int engine, int knob) {
    if (!is_live(to) || to->kind != kind || to->finalized) return fail(BAD_PARAM, "an answer needs an empty descriptor");
    to->graph = graph, to->engine = engine, to->knob = knob, to->finalized = 1;
    return SUCCESS;
}

int cudnnBackendGetAttribute(Descriptor *d, int name, int type, int64_t room, int64_t *number, void *to) {
    if (!is_live(d)) return fail(BAD_PARAM, "not a descriptor");
    if (!d->finalized) return fail(NOT_FINALIZED, "attribute %d is asked before finalization", name);
    int r = rule_of(d->kind, name);
    if (r < 0 || !rules[r].answer) return fail(BAD_PARAM, "kind %d does not answer attribute %d", d->kind, name);
    if (type != rules[r].type) return fail(ATTRIBUTE_TYPE, "attribute %d is of type %d", name, rules[r].type);
    if (!number || room < 0 || (room && !to)) return fail(NULL_POINTER, "no room for attribute %d", name);
    // As cuDNN does: what is always one value is asked for as one.
    if (rules[r].most == 1 && room > 1) return fail(BAD_PARAM, "attribute %d has one value", name);
    Descriptor **answers = to;
    int status = SUCCESS;
    int64_t integer = d->engine;
    int notes[2] = {0, 1};
    const void *from = &integer;
    *number = 1;
    switch (name) {
    case 202: {
        const int(*proposed)[2] = proposals[code(d, 200)];
        for (*number = 0; proposed[*number][0] >= 0; ++*number)
            if (!status && *number < room)
                status = answer(answers[*number], CONFIG, other(d, 201), proposed[*number][0], proposed[*number][1]);
        return status;
    }
    case 300: return room ? answer(*answers, ENGINE, d->graph, d->engine, 0) : SUCCESS;
    case 302:
        // As cuDNN does: without room these are not counted.
        *number = room && d->engine == TENSOR_CORE;
        return room && *number ? answer(*answers, KNOB, d->graph, d->engine, d->knob) : SUCCESS;
    case 402: integer = workspace_bytes(other(d, 401)); break;
    case 600: notes[0] = 2, from = notes; break;
    case 601: integer = d->knob; break;
    case 1301: break;
    case 1303:
        // bf16 is what the tensor core multiplies: nothing is rounded there.
        *number = d->engine == VARYING ? 1 : d->engine != TENSOR_CORE ? 0 : 2;
        if (d->engine == VARYING) notes[0] = 4;
        else if (*number && code(operands(operation_of(d->graph)).x, 901) == 9) *number = 1;
        from = notes;
    }
    memcpy(to, from, (size_t)((*number < room ? *number : room) * bytes_of(type)));
    return SUCCESS;
}

// The tensor at its address in the pack; images get a depth of 1.
static int bind(Tensor *t, Descriptor *d, Descriptor *pack) {
    int64_t dimensions = count(d, 902);
    t->data = NULL;
    for (int64_t i = 0; i < count(pack, 1000); i++)
        if (values(pack, 1000)[i] == values(d, 906)[0]) t->data = (char *)values(pack, 1001)[i];
    if (!t->data) return fail(NULL_POINTER, "a tensor without an address");
    if ((intptr_t)t->data % values(d, 900)[0]) return fail(MISALIGNED, "a tensor's address is not aligned");
    for (int64_t i = 0; i < 5; i++) {
        int64_t from = i < 2 ? i : i - 5 + dimensions;
        int missing = i >= 2 && from < 2;
        t->size[i] = missing ? 1 : values(d, 902)[from];
        t->stride[i] = missing ? 0 : values(d, 903)[from];
    }
    return SUCCESS;
}

int cudnnBackendExecute(Handle *handle, Descriptor *plan, Descriptor *pack) {
    if (!is_handle(handle) || !is_live(plan) || !is_live(pack)) return fail(BAD_PARAM, "not a handle or descriptor");
    if (plan->kind != PLAN || pack->kind != PACK) return fail(BAD_PARAM, "not a plan and a variant pack");
    if (!plan->finalized || !pack->finalized) return fail(NOT_FINALIZED, "the plan or the pack is not finalized");
    if ((Handle *)values(plan, 400)[0] != handle) return fail(BAD_PARAM, "the plan was made with another handle");
    Descriptor *config = other(plan, 401);
    Descriptor *operation = is_live(config) ? operation_of(config->graph) : NULL;
    if (!is_live(operation)) return fail(BAD_PARAM, "what the plan refers to is destroyed");
    Operands o = operands(operation);
    if (!is_live(o.x) || !is_live(o.w) || !is_live(o.y) || !is_live(o.window)) return fail(BAD_PARAM, "destroyed");
    Work work = {.engine = config->engine, .bf16 = code(o.x, 901) == 9};
    work.direction = operation->kind == OP_FORWARD ? FORWARD : operation->kind == OP_DATA ? DATA : FILTER;
    int status = bind(&work.x, o.x, pack);
    if (!status) status = bind(&work.w, o.w, pack);
    if (!status) status = bind(&work.y, o.y, pack);
    if (status) return status;
    int64_t spatial = values(o.window, 106)[0];
    for (int64_t i = 0; i < 3; i++) {
        int64_t from = i - 3 + spatial;
        work.dilation[i] = from < 0 ? 1 : values(o.window, 102)[from];
        work.step[i] = from < 0 ? 1 : values(o.window, 103)[from];
        work.padding[i] = from < 0 ? 0 : values(o.window, 105)[from];
    }
    work.workspace = (char *)values(pack, 1003)[0];
    work.workspace_bytes = workspace_bytes(config);
    if (work.workspace_bytes && !work.workspace) return fail(NULL_POINTER, "no workspace");
    hcwb_card_enqueue(handle->stream, compute, &work, sizeof work);
    return SUCCESS;
}
