// The simulated card's memory and the host's pinned memory: each allocation between pages that cannot be touched.

#include <signal.h>
#include <unistd.h>

// The bytes around an allocation, and in a new one: huge numbers there, NaN here.
enum { GUARD = 0xfb, FRESH = 0xff };

// Reserved addresses are never used again, so that whatever is read or written after its release faults.
typedef struct Region {
    struct Region* next;
    char* data;
    size_t bytes;
    char* pages; // first page that can be touched
    size_t page_bytes;
    int device; // -1: of the host
    int live;
} Region;

static Region* regions;
static size_t used_bytes[8];

static size_t rounded_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

static void report_fault(int number, siginfo_t* info, void* context) {
    (void)context;
    for (Region* r = regions; r; r = r->next) {
        const char* at = info->si_addr;
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        if (at < r->pages - page || at >= r->pages + r->page_bytes + page) continue;
        die("%s touched address %p, %s allocation of %zu bytes at %p", running ? running->name : "the host or a library",
            info->si_addr, r->live ? "outside the" : "in a released", r->bytes, (void*)r->data);
    }
    if (number == SIGILL && running) die("%s touched memory at an address that its width does not divide", running->name);
    signal(number, SIG_DFL);
}

static void catch_faults(void) {
    struct sigaction action = {0};
    action.sa_sigaction = report_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
}

// A new allocation, all NaN, whose end lies as close to the untouchable page as an alignment of 256 allows; or null.
static Region* new_region(size_t bytes, int device) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), page_bytes = rounded_up(bytes, page);
    if (page_bytes < bytes) return NULL;
    char* all = mmap(NULL, page_bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return NULL;
    Region* r = calloc(1, sizeof *r);
    r->pages = all + page;
    r->page_bytes = page_bytes;
    r->bytes = bytes;
    r->data = r->pages + page_bytes - rounded_up(bytes, 256);
    r->device = device;
    r->live = 1;
    if (mprotect(r->pages, page_bytes, PROT_READ | PROT_WRITE)) die("no host memory for %zu bytes", bytes);
    memset(r->pages, GUARD, page_bytes);
    memset(r->data, FRESH, bytes);
    r->next = regions;
    return regions = r;
}

static void check_guards(const Region* r) {
    for (const char* at = r->pages; at < r->pages + r->page_bytes; at++) {
        if (at == r->data) at += r->bytes;
        if (at < r->pages + r->page_bytes && (unsigned char)*at != GUARD)
            die("the allocation of %zu bytes at %p was written %s", r->bytes, (void*)r->data,
                at < r->data ? "before its beginning" : "behind its end");
    }
}

static void release_region(Region* r) {
    check_guards(r);
    r->live = 0;
    // Fresh pages in the place of the old ones give the memory back.
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    if (mmap(r->pages, r->page_bytes, PROT_NONE, flags, -1, 0) == MAP_FAILED) die("cannot release memory");
}

// The live allocation of `device` in which all the bytes lie, or null.
static Region* region_of(const void* address, size_t bytes, int device) {
    const char* at = address;
    for (Region* r = regions; r; r = r->next) {
        if (r->live && r->device == device && at >= r->data && at < r->data + r->bytes)
            return bytes <= r->bytes - (size_t)(at - r->data) ? r : NULL;
    }
    return NULL;
}

__attribute__((destructor)) static void check_all_guards(void) {
    for (Region* r = regions; r; r = r->next)
        if (r->live) check_guards(r);
}
