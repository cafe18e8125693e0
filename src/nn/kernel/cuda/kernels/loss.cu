// Losses on f32 predictions and their gradients, in f64: sums of each channel, the value and the slopes, the gradient.

enum { POINT_NONE, POINT_MAE, POINT_MSE, POINT_HUBER, POINT_BCE, POINT_FOCAL };
enum { OVERLAP_NONE, OVERLAP_DICE, OVERLAP_KAPPA, OVERLAP_KAPPA_PRINTED };

// Not fmax, which makes a number of a NaN.
DEVICE double at_least(double value, double least) { return value < least ? least : value; }
DEVICE double safe_log(double value) { return at_least(log(value), -100); }

DEVICE double power(double base, double exponent) {
    return exponent == 2 ? base * base : exponent == 1 ? base : exponent == 0 ? 1 : pow(base, exponent);
}

// -(1 - v)^gamma log v, where v is the probability of what is true, and its slope.
DEVICE void focal_of_truth(double gamma, double v, double* value, double* slope) {
    const double q = 1 - v, log_v = safe_log(v), weight = power(q, gamma);
    const double growth = gamma == 0 ? 0 : gamma * power(at_least(q, 1e-12), gamma - 1) * log_v;
    *value = -weight * log_v, *slope = growth - weight / at_least(v, 1e-12);
}

// The loss of one prediction and its slope; a is Huber's delta, or the focal loss's alpha, and b its gamma.
DEVICE void point_loss(int kind, double a, double b, double v, double t, double* value, double* slope) {
    const double error = v - t, size = fabs(error), q = 1 - v;
    if (kind == POINT_MSE) {
        *value = error * error, *slope = 2 * error;
    } else if (kind == POINT_MAE) {
        // The slope at zero is zero; a NaN stays one.
        *value = size, *slope = error == 0 ? 0 : error / size;
    } else if (kind == POINT_HUBER && size > a) {
        *value = a * (size - 0.5 * a), *slope = error < 0 ? -a : a;
    } else if (kind == POINT_HUBER) {
        *value = 0.5 * error * error, *slope = error;
    } else if (kind == POINT_BCE) {
        *value = t == 1 ? -safe_log(v) : t == 0 ? -safe_log(q) : -(t * safe_log(v) + (1 - t) * safe_log(q));
        *slope = error / at_least(v * q, 1e-12);
    } else {
        double one = 0, one_slope = 0, zero = 0, zero_slope = 0;
        if (t != 0) focal_of_truth(b, v, &one, &one_slope);
        if (t != 1) focal_of_truth(b, q, &zero, &zero_slope);
        const double of_one = a * t, of_zero = (1 - a) * (1 - t);
        *value = of_one * one + of_zero * zero, *slope = of_one * one_slope - of_zero * zero_slope;
    }
}

// Channel blockIdx.y: partial[grid.x][channels][4] gets the sums of point losses, prediction * truth, prediction and truth;
// grad gets weight * slope / (n * channels), times the part's share unless an overlap's gradient is still to come.
typedef struct {
    const float* prediction; const float* truth; float* grad; double* partial; const Scalars* s;
    I64 n; double a; double b; double weight; int channels; int point; int overlap;
} LossSums;

KERNEL(loss_sums, LossSums) {
    SHARED double shared[1024];
    const float share = p.overlap == OVERLAP_NONE ? p.s->share : 1;
    const double count = (double)(p.n * p.channels);
    double sums[4] = {0, 0, 0, 0};
    for (I64 position = in_grid(); position < p.n; position += grid_threads()) {
        const I64 i = position * p.channels + blockIdx.y;
        const double v = (double)p.prediction[i], t = (double)p.truth[i];
        if (p.point != POINT_NONE) {
            double value, slope;
            point_loss(p.point, p.a, p.b, v, t, &value, &slope);
            sums[0] += value;
            p.grad[i] = (float)(p.weight * slope / count) * share;
        }
        sums[1] += v * t;
        sums[2] += v;
        sums[3] += t;
    }
    block_sum_f64(shared, 4, sums);
    if (in_block() != 0) return;
    double* partial = p.partial + 4 * ((I64)blockIdx.x * p.channels + blockIdx.y);
    for (int k = 0; k < 4; k++) partial[k] = sums[k];
}

// The overlap of a channel and its slope: what a position adds to the gradient is slope[0] * truth + slope[1].
DEVICE double overlap_loss(int kind, double common, double all_p, double all_t, double n, double* slope) {
    slope[0] = slope[1] = 0;
    if (kind == OVERLAP_DICE) {
        const double all = all_p + all_t;
        if (all == 0) return 0;
        slope[0] = -2 / all, slope[1] = 2 * common / (all * all);
        return 1 - 2 * common / all;
    }
    if (kind == OVERLAP_KAPPA) {
        const double chance = all_p * (1 - all_t / n) + all_t * (1 - all_p / n), apart = all_p + all_t - 2 * common;
        if (chance <= 0) return 0;
        slope[0] = -2 / chance, slope[1] = 1 / chance - apart * (1 - 2 * all_t / n) / (chance * chance);
        return apart / chance;
    }
    const double above = 2 * common - all_p * all_t / n, below = all_p + all_t - 2 * common / n;
    if (below <= 0) return 0;
    slope[0] = -(2 * below + 2 * above / n) / (below * below);
    slope[1] = (all_t / n * below + above) / (below * below);
    return 1 - above / below;
}

// The loss from all partial sums, and slopes[channels][2] of its overlap.
typedef struct {
    const double* partial; double* slopes; double* loss;
    I64 n; double point_weight; double overlap_weight; int channels; int blocks; int point; int overlap;
} LossFinish;

KERNEL(loss_finish, LossFinish) {
    SHARED double shared[1024];
    double points = 0, overlaps = 0;
    for (int c = 0; c < p.channels; c++) {
        double sums[4] = {0, 0, 0, 0};
        for (int b = in_block(); b < p.blocks; b += 256)
            for (int k = 0; k < 4; k++) sums[k] += p.partial[4 * ((I64)b * p.channels + c) + k];
        block_sum_f64(shared, 4, sums);
        if (in_block() == 0) {
            points += sums[0];
            if (p.overlap != OVERLAP_NONE) {
                const double part = p.overlap_weight / p.channels;
                double slope[2];
                overlaps += part * overlap_loss(p.overlap, sums[1], sums[2], sums[3], (double)p.n, slope);
                p.slopes[2 * c] = part * slope[0], p.slopes[2 * c + 1] = part * slope[1];
            }
        }
        // The next channel's sums take the same memory.
        __syncthreads();
    }
    if (in_block() != 0) return;
    const double mean = p.point == POINT_NONE ? 0 : p.point_weight * points / (double)(p.n * p.channels);
    *p.loss = mean + overlaps;
}

// grad = (what the point losses left there + slopes[c][0] * truth + slopes[c][1]) * share; channel c is blockIdx.y.
typedef struct {
    const float* truth; const double* slopes; float* grad; const Scalars* s; I64 n; int channels; int point;
} LossGrad;

KERNEL(loss_grad, LossGrad) {
    const double common = p.slopes[2 * blockIdx.y], prediction = p.slopes[2 * blockIdx.y + 1];
    const float share = p.s->share;
    for (I64 position = in_grid(); position < p.n; position += grid_threads()) {
        const I64 i = position * p.channels + blockIdx.y;
        const double before = p.point == POINT_NONE ? 0 : (double)p.grad[i];
        p.grad[i] = (float)(before + (common * (double)p.truth[i] + prediction)) * share;
    }
}
