// The simulated libnvidia-ml.so.1: what hcwb asks of it, fixed figures, cards known by their place on the bus alone.
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;

static int started;
// A card's handle points at its entry. The figures are those of the workbench's sketch; no index leads to a card.
static const char *const cards[] = {"0000:01:00.0", "0000:02:00.0"};

static int index_of(const void *device) { return (int)((const char *const *)device - cards); }
static int known(const void *device) { return device && index_of(device) >= 0 && index_of(device) < 2; }

int nvmlInit_v2(void) { started++; return SUCCESS; }
int nvmlShutdown(void) { return started && started-- ? SUCCESS : UNINITIALIZED; }
const char *nvmlErrorString(int code) { return code == SUCCESS ? "Success" : "an error of the simulated NVML"; }

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    if (!started) return UNINITIALIZED;
    return (unsigned)snprintf(version, length, "999.01.02") < length ? SUCCESS : INSUFFICIENT_SIZE;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, const void **device) {
    if (!started) return UNINITIALIZED;
    for (int i = 0; i < 2; i++)
        if (strcmp(bus, cards[i]) == 0) return *device = &cards[i], SUCCESS;
    return NOT_FOUND;
}

int nvmlDeviceGetUtilizationRates(const void *device, Utilization *rates) {
    if (!known(device)) return INVALID_ARGUMENT;
    *rates = (Utilization){97 - 10 * index_of(device), 40};
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(const void *device, Memory *memory) {
    if (!known(device) || memory->version != (sizeof *memory | 2u << 24)) return INVALID_ARGUMENT;
    unsigned long long gib = 1ull << 30;
    *memory = (Memory){memory->version, 139 * gib, gib, 77 * gib, 61 * gib};
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(const void *device, unsigned *milliwatts) {
    if (!known(device)) return INVALID_ARGUMENT;
    *milliwatts = 412500;
    return SUCCESS;
}

// Sensor 0 is the chip's own, the only one that the simulated card has.
int nvmlDeviceGetTemperature(const void *device, int sensor, unsigned *celsius) {
    if (!known(device)) return INVALID_ARGUMENT;
    if (sensor != 0) return NOT_SUPPORTED;
    *celsius = 62;
    return SUCCESS;
}
