// Windows over channels-last images and volumes: sizes, places, and which positions a window covers.

#ifndef WINDOW_H
#define WINDOW_H

// Samples, large side (depth, height, width), channels, small side, kernel, stride, padding.
typedef struct { int n, d, h, w, c, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw; } Window;

// A position: sample, three coordinates, first channel.
typedef struct { int n, z, y, x, channel; } Place;

// Where vector number `i` of a (d, h, w, c) image lies.
DEVICE Place place(I64 i, int d, int h, int w, int c, int width) {
    Place o;
    o.channel = split(&i, c / width) * width;
    o.x = split(&i, w);
    o.y = split(&i, h);
    o.z = split(&i, d);
    o.n = (int)i;
    return o;
}

DEVICE I64 element(int n, int z, int y, int x, int d, int h, int w, int c) { return ((((I64)n * d + z) * h + y) * w + x) * c; }

// From `from` up to but not including `to`.
typedef struct { int from, to; } Range;

// The positions of the large side under window `o`.
DEVICE Range under(int o, int size, int kernel, int stride, int padding) {
    const int start = o * stride - padding, end = start + kernel;
    const Range r = {start < 0 ? 0 : start, end > size ? size : end};
    return r;
}

// The windows that cover position `i` of the large side.
DEVICE Range covering(int i, int windows, int kernel, int stride, int padding) {
    const unsigned at = (unsigned)(i + padding), last = stride == 1 ? at : at / (unsigned)stride;
    Range r;
    if (kernel == stride) r.from = (int)last;
    else r.from = at < (unsigned)kernel ? 0 : (int)((at - (unsigned)kernel) / (unsigned)stride) + 1;
    r.to = (int)last < windows ? (int)last + 1 : windows;
    return r;
}

#endif
