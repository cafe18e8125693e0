// The driver's functions for streams, events and captured graphs.

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
