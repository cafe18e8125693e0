// Every kernel, those of activations once for each element type: what make_ptx.py compiles, and the simulated card.

#include "kernel.h"
#include "rows.h"
#include "window.h"

#include "batch_norm_finish.cu"
#include "loss.cu"
#include "optimizer.cu"
#include "sum_partials.cu"

#define SUFFIX f32
#define LANES 4
#include "typed.h"
#undef SUFFIX
#undef LANES

#define SUFFIX bf16
#define LANES 8
#include "typed.h"
