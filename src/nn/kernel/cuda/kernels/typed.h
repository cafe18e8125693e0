// The kernels of activations, for the element type SUFFIX with LANES elements in 16 bytes; included once for each.

#include "batch_norm.cu"
#include "bias.cu"
#include "cast.cu"
#include "concat.cu"
#include "dropout.cu"
#include "elementwise.cu"
#include "max_pool.cu"
#include "window_sum.cu"
