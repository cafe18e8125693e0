// Losses on f32 predictions and their gradients, in f64; flat, and one for what is finished.

// kind 0: mean absolute error, 1: mean squared error, 2: Huber's; partial[grid] gets sums, grad = slope / count * share.
typedef struct {
    const float* prediction; const float* truth; float* grad; double* partial; const Scalars* s;
    I64 n; I64 count; double delta; int kind;
} LossErrors;

KERNEL(loss_errors, LossErrors) {
    SHARED double shared[256];
    const float share = p.s->share;
    double sum = 0;
    for (I64 i = in_grid(); i < p.n; i += grid_threads()) {
        const double error = (double)p.prediction[i] - (double)p.truth[i], size = fabs(error);
        double value, slope;
        if (p.kind == 1) {
            value = error * error, slope = 2 * error;
        } else if (p.kind == 0) {
            // The slope at zero is zero; a NaN stays one.
            value = size, slope = error == 0 ? 0 : error / size;
        } else if (size > p.delta) {
            value = p.delta * (size - 0.5 * p.delta), slope = error < 0 ? -p.delta : p.delta;
        } else {
            value = 0.5 * error * error, slope = error;
        }
        sum += value;
        p.grad[i] = (float)(slope / (double)p.count) * share;
    }
    block_sum_f64(shared, 1, &sum);
    if (in_block() == 0) p.partial[blockIdx.x] = sum;
}

typedef struct { const double* partial; double* loss; I64 count; int blocks; } LossFinish;

KERNEL(loss_finish, LossFinish) {
    SHARED double shared[256];
    double sum = 0;
    for (int b = in_block(); b < p.blocks; b += 256) sum += p.partial[b];
    block_sum_f64(shared, 1, &sum);
    if (in_block() == 0) *p.loss = sum / (double)p.count;
}

// I = sum(prediction * truth) and U = sum(prediction + truth), partial[grid][2].
typedef struct { const float* prediction; const float* truth; double* partial; I64 n; } DiceSums;

KERNEL(dice_sums, DiceSums) {
    SHARED double shared[512];
    double sums[2] = {0, 0};
    for (I64 i = in_grid(); i < p.n; i += grid_threads()) {
        const double a = (double)p.prediction[i], b = (double)p.truth[i];
        sums[0] += a * b;
        sums[1] += a + b;
    }
    block_sum_f64(shared, 2, sums);
    if (in_block() == 0) p.partial[2 * blockIdx.x] = sums[0], p.partial[2 * blockIdx.x + 1] = sums[1];
}

// loss = 1 - 2 I / U; two empty masks agree.
typedef struct { const double* partial; double* sums; double* loss; int blocks; } DiceFinish;

KERNEL(dice_finish, DiceFinish) {
    SHARED double shared[512];
    double sums[2] = {0, 0};
    for (int b = in_block(); b < p.blocks; b += 256) sums[0] += p.partial[2 * b], sums[1] += p.partial[2 * b + 1];
    block_sum_f64(shared, 2, sums);
    if (in_block() != 0) return;
    p.sums[0] = sums[0], p.sums[1] = sums[1];
    *p.loss = sums[1] == 0 ? 0 : 1 - 2 * sums[0] / sums[1];
}

// grad = (2 I / U^2 - 2 truth / U) * share
typedef struct { const float* truth; const double* sums; float* grad; const Scalars* s; I64 n; } DiceGrad;

KERNEL(dice_grad, DiceGrad) {
    const double common = p.sums[0], all = p.sums[1];
    const float share = p.s->share;
    for (I64 i = in_grid(); i < p.n; i += grid_threads()) {
        const double slope = all == 0 ? 0 : 2 * common / (all * all) - 2 * (double)p.truth[i] / all;
        p.grad[i] = (float)slope * share;
    }
}
