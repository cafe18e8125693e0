// Streams, events and captures of the simulated card: work is queued and runs only when somebody waits for it, and only what that needs.

#include <pthread.h>
#include <time.h>

// An event's recording: done when the stream has come to it.
typedef struct Record {
    struct Stream* stream;
    long number;
    int done;
    double milliseconds;
} Record;

typedef enum { COPY, FILL, LAUNCH, WORK, RECORD, WAIT } Kind;

// A piece of queued work, its arguments copied behind it.
typedef struct Op {
    struct Op* next;
    long number;
    Kind kind;
    char* to;
    const char* from;
    size_t bytes;
    int fill, has_barriers;
    const Kernel* kernel;
    Dim grid, block;
    void (*work)(void*);
    Record* record;
    size_t argument_bytes;
    _Alignas(16) char arguments[];
} Op;

typedef struct { Op *first, *last; } Ops;

typedef struct Capture {
    Ops ops;
    struct Stream* origin;
    pthread_t thread;
    int mode, invalid;
} Capture;

typedef struct Stream {
    struct Stream* next;
    Ops ops;
    long numbers;
    int device, live;
    Capture* capture;
    long captured, joined; // operations of this capture; those that another stream of it has waited for
} Stream;

typedef struct Event {
    struct Event* next;
    int live, timed;
    Record* record;
    Capture* capture; // in which it was last recorded, and where
    Stream* captured_stream;
    long captured;
} Event;

typedef struct Graph {
    struct Graph* next;
    Ops ops;
    int live, executable;
} Graph;

static Stream* streams;
static Event* events;
static Graph* graphs;
static Capture* capturing; // one at a time is enough here

static Op* new_op(Kind kind, const void* arguments, size_t argument_bytes) {
    Op* op = calloc(1, sizeof *op + argument_bytes);
    op->kind = kind;
    op->argument_bytes = argument_bytes;
    if (argument_bytes) memcpy(op->arguments, arguments, argument_bytes);
    return op;
}

static void append(Ops* ops, Op* op) {
    op->next = NULL;
    if (ops->last) ops->last->next = op;
    else ops->first = op;
    ops->last = op;
}

static Ops copy_ops(const Ops* ops) {
    Ops copy = {0};
    for (const Op* op = ops->first; op; op = op->next) {
        Op* other = malloc(sizeof *op + op->argument_bytes);
        memcpy(other, op, sizeof *op + op->argument_bytes);
        append(&copy, other);
    }
    return copy;
}

static void free_ops(Ops* ops) {
    for (Op *op = ops->first, *next; op; op = next) next = op->next, free(op);
    *ops = (Ops){0};
}

static double milliseconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

// Both ends of a copy were looked at when it was queued; a graph may outlive them.
static void run_until(Stream* s, long number);
static void execute(Op* op) {
    switch (op->kind) {
    case COPY: memmove(op->to, op->from, op->bytes); break;
    case FILL: memset(op->to, op->fill, op->bytes); break;
    case LAUNCH: run_kernel(op->kernel, op->grid, op->block, op->arguments, op->has_barriers); break;
    case WORK: op->work(op->arguments); break;
    case RECORD: op->record->done = 1, op->record->milliseconds = milliseconds_now(); break;
    case WAIT: run_until(op->record->stream, op->record->number); break;
    }
}

// Runs the stream's work up to that number, and first whatever it waits for on other streams.
static void run_until(Stream* s, long number) {
    while (s->ops.first && s->ops.first->number <= number) {
        Op* op = s->ops.first;
        if (!(s->ops.first = op->next)) s->ops.last = NULL;
        execute(op);
        free(op);
    }
}

static void run_stream(Stream* s) { run_until(s, s->numbers); }

static void run_all(void) {
    for (Stream* s = streams; s; s = s->next) run_stream(s);
}

static void enqueue(Stream* s, Op* op) {
    if (s->capture) {
        s->captured++;
        append(&s->capture->ops, op);
        return;
    }
    op->number = ++s->numbers;
    append(&s->ops, op);
}

// A capture that was misused ends as an error, whatever follows.
static int invalidate(Capture* capture, int code) {
    capture->invalid = 1;
    return code;
}

// Whether a call that might wait for the card is forbidden now: in any thread under a global capture (mode 0),
// in its own under a thread's (mode 1).
static int forbidden(void) {
    if (!capturing || capturing->mode == 2) return 0;
    if (capturing->mode == 1 && !pthread_equal(capturing->thread, pthread_self())) return 0;
    return invalidate(capturing, 900);
}

static int record_event(Event* e, Stream* s) {
    e->capture = s->capture;
    if (s->capture) {
        e->captured_stream = s;
        e->captured = s->captured;
        return 0;
    }
    Op* op = new_op(RECORD, NULL, 0);
    enqueue(s, op);
    Record* r = calloc(1, sizeof *r); // lives as long as the program: waits may still look at it
    r->stream = s;
    r->number = op->number;
    op->record = e->record = r;
    return 0;
}

static int wait_event(Stream* s, Event* e) {
    if (e->capture) {
        if (e->capture != capturing) return 907;
        if (s->capture && s->capture != e->capture) return invalidate(s->capture, 902);
        if (!s->capture) s->capture = e->capture, s->captured = s->joined = 0;
        if (e->captured_stream != s && e->captured > e->captured_stream->joined) e->captured_stream->joined = e->captured;
        return 0;
    }
    if (!e->record) return 0;
    // What happened outside of a capture cannot be waited for inside.
    if (s->capture) return invalidate(s->capture, 905);
    if (e->record->stream == s) return 0;
    Op* op = new_op(WAIT, NULL, 0);
    op->record = e->record;
    enqueue(s, op);
    return 0;
}

static int begin_capture(Stream* s, int mode) {
    if (mode < 0 || mode > 2) return 1;
    if (capturing) return 401;
    capturing = calloc(1, sizeof *capturing);
    capturing->origin = s;
    capturing->mode = mode;
    capturing->thread = pthread_self();
    s->capture = capturing;
    s->captured = s->joined = 0;
    return 0;
}

// Events that were recorded in it remember its address, so it is never freed.
static int end_capture(Stream* s, Graph** graph) {
    Capture* c = s->capture;
    *graph = NULL;
    if (!c) return 401;
    if (c->origin != s) return 903;
    if (c->mode != 2 && !pthread_equal(c->thread, pthread_self())) return 908;
    int code = c->invalid ? 901 : 0;
    for (Stream* other = streams; other; other = other->next) {
        if (other->capture != c) continue;
        if (other != s && other->captured > other->joined && !code) code = 904;
        other->capture = NULL;
    }
    capturing = NULL;
    if (code) {
        free_ops(&c->ops);
        return code;
    }
    Graph* g = calloc(1, sizeof *g);
    g->ops = c->ops;
    g->live = 1;
    g->next = graphs;
    graphs = *graph = g;
    return 0;
}
