#include "../kernels.h"

#define GRID 6
#define BLOCK 8 /* px between control points: all pixels of a block use the same three */
#define PITCH 32
#define ROWS (SIDE + 2)
#define LANES 0x00FF00FFu

/* Weights of the three control points around a pixel, at each place in a block, in 1/256. */
INLINE void spline(int32_t weights[3][BLOCK])
{
    for (int k = 0; k < BLOCK; k++) {
        int32_t t = (2 * k + 1) * 256 / (2 * BLOCK);
        weights[0][k] = (256 - t) * (256 - t) / 512;
        weights[2][k] = t * t / 512;
        weights[1][k] = 256 - weights[0][k] - weights[2][k];
    }
}

INLINE void smooth(const int32_t *grid, int32_t weights[3][BLOCK], int32_t place[SIDE][ROW])
{
    for (int y = 0; y < SIDE; y++) {
        int32_t row[GRID];
        const int32_t *at = grid + y / BLOCK * GRID;
        for (int c = 0; c < GRID; c++)
            row[c] = (at[c] * weights[0][y % BLOCK] + at[c + GRID] * weights[1][y % BLOCK]
                      + at[c + 2 * GRID] * weights[2][y % BLOCK]) >> 8;
        for (int b = 0; b < ROW / BLOCK; b++)
            for (int k = 0; k < BLOCK; k++)
                place[y][b * BLOCK + k] += (row[b] * weights[0][k] + row[b + 1] * weights[1][k]
                                            + row[b + 2] * weights[2][k]) >> 8;
    }
}

INLINE void sample(const uint32_t *packed, int32_t x[SIDE][ROW], int32_t y[SIDE][ROW], uint8_t *out)
{
    for (int row = 0; row < SIDE; row++) {
        uint8_t line[ROW];
        for (int k = 0; k < ROW; k++) {
            int32_t most = (SIDE + 1) << UNIT_SHIFT;
            int32_t across = clip(x[row][k], 0, most), down = clip(y[row][k], 0, most);
            uint32_t left = packed[(down >> UNIT_SHIFT) * PITCH + (across >> UNIT_SHIFT)];
            uint32_t right = left >> 8 & LANES;
            left &= LANES;
            left = (left << 4) + (right - left) * (across >> (UNIT_SHIFT - 4) & 15);
            uint32_t below = left >> 16;
            left &= 0xFFFF;
            left = (left << 4) + (below - left) * (down >> (UNIT_SHIFT - 4) & 15);
            line[k] = (left + 128) >> 8;
        }
        memcpy(out + row * SIDE, line, SIDE);
    }
}

KERNEL warp(int64_t n, const uint8_t *tiles, const int64_t *inverse, const int64_t *source,
            const int64_t *target, const int32_t *bend, uint8_t *out, int64_t out_step)
{
    int32_t weights[3][BLOCK];
    uint32_t packed[(ROWS + 1) * PITCH] = {0};
    spline(weights);
    for (int64_t i = 0; i < n; i++) {
        int32_t place[2][SIDE][ROW];
        for (int axis = 0; axis < 2; axis++) {
            int32_t along[2][ROW];
            for (int k = 0; k < 2; k++)
                for (int px = 0; px < ROW; px++) {
                    int64_t offset = (int64_t)(2 * px - (SIDE - 1)) * ONE - target[k * n + i];
                    along[k][px] = (int32_t)(inverse[(2 * axis + k) * n + i] * offset >> 12);
                }
            int32_t start = (int32_t)(source[axis * n + i] + ((SIDE + 1) << (UNIT_SHIFT - 1)));
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < ROW; x++)
                    place[axis][y][x] = along[1][y] + along[0][x] + start;
            if (bend)
                smooth(bend + (2 * i + axis) * GRID * GRID, weights, place[axis]);
        }
        uint8_t padded[ROWS + 1][PITCH + 1] = {{0}};
        for (int y = 0; y < SIDE; y++)
            memcpy(&padded[y + 1][1], tiles + (i * SIDE + y) * SIDE, SIDE);
        for (int y = 0; y < ROWS; y++)
            for (int x = 0; x < PITCH; x++) /* bytes, lowest first: this pixel, right, below, below right */
                packed[y * PITCH + x] = padded[y][x] | padded[y][x + 1] << 8 | padded[y + 1][x] << 16
                                        | (uint32_t)padded[y + 1][x + 1] << 24;
        sample(packed, place[0], place[1], out + i * out_step);
    }
}
