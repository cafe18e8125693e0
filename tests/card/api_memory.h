// The driver's functions for memory and copies.

int cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
    IN_CONTEXT;
    REQUIRE(free_bytes && total, INVALID_VALUE);
    *total = card_bytes;
    *free_bytes = card_bytes - taken_bytes - used_bytes[context->device];
    return OK;
}

int cuMemAlloc_v2(Address* address, size_t bytes) {
    IN_CONTEXT;
    REQUIRE(address && bytes, INVALID_VALUE);
    REQUIRE(!forbidden(), CAPTURE_UNSUPPORTED);
    size_t* used = &used_bytes[context->device];
    const size_t cost = rounded_up(bytes, 512);
    REQUIRE(cost >= bytes && cost <= card_bytes - taken_bytes - *used, OUT_OF_MEMORY);
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
