// The driver's functions for modules and launches: each kernel is looked up in the PTX and among the compiled ones.

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
    const char* fault = getenv("HCWB_CARD_FAULT");
    if (fault && !strncmp(f->kernel->name, fault, strlen(fault))) return OK;
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
