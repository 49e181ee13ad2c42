#include "../kernels.h"

#define EDGE_SHIFT 7

INLINE void load(const uint8_t *tile, int16_t ink[SIDE + 2][ROW + 2])
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            ink[y + 1][x + 1] = tile[y * SIDE + x];
}

INLINE int16_t larger(int16_t a, int16_t b) { return a > b ? a : b; }
INLINE int16_t smaller(int16_t a, int16_t b) { return a < b ? a : b; }

/* Elastic shifts: for each digit, `points` random values (as in streams.bells), times its amplitude. */
KERNEL bend(int64_t n, int64_t points, const uint64_t *starts, const uint64_t *offsets,
            const int64_t *amplitude, int32_t *grid)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < points; k++) {
            uint64_t word = mix(starts[i] + offsets[k]);
            uint64_t total = (word & 1023) + (word >> 16 & 1023) + (word >> 32 & 1023) + (word >> 48 & 1023);
            int32_t bell = ((int32_t)total - 2046) * 4096;
            bell = bell / 591 - (bell % 591 < 0);
            grid[i * points + k] = (int32_t)(bell * amplitude[i] >> 12);
        }
}

KERNEL thicken(int64_t n, uint8_t *tiles, int64_t tiles_step, const int64_t *amount)
{
    int16_t ink[SIDE + 2][ROW + 2] = {{0}};
    for (int64_t i = 0; i < n; i++) {
        uint8_t *tile = tiles + i * tiles_step;
        int16_t share = (int16_t)(amount[i] < 0 ? -amount[i] : amount[i]);
        if (!share)
            continue;
        load(tile, ink);
        for (int y = 1; y <= SIDE; y++) {
            uint8_t line[ROW];
            for (int x = 1; x <= ROW; x++) {
                int16_t here = ink[y][x], above = ink[y - 1][x], below = ink[y + 1][x];
                int16_t before = ink[y][x - 1], after = ink[y][x + 1], other;
                if (amount[i] > 0)
                    other = larger(larger(larger(above, below), larger(before, after)), here);
                else
                    other = smaller(smaller(smaller(above, below), smaller(before, after)), here);
                int16_t change = (int16_t)((other - here) * share + (1 << (EDGE_SHIFT - 1))) >> EDGE_SHIFT;
                line[x - 1] = (uint8_t)larger(here + change, here > 0); /* inked pixels stay inked */
            }
            memcpy(tile + (y - 1) * SIDE, line, SIDE);
        }
    }
}

KERNEL fade(int64_t n, uint8_t *tiles, int64_t tiles_step, const int64_t *strengths)
{
    for (int64_t i = 0; i < n; i++) {
        uint8_t *tile = tiles + i * tiles_step;
        uint16_t factor = (uint16_t)strengths[i];
        for (int k = 0; k < SIDE * SIDE; k++) {
            uint16_t faint = (uint16_t)(tile[k] * factor + 128) >> 8;
            tile[k] = (uint8_t)(faint ? faint : tile[k] > 0);
        }
    }
}

KERNEL blur(int64_t n, uint8_t *tiles, int64_t tiles_step, const int64_t *weight)
{
    uint16_t wide[SIDE + 2][ROW + 2] = {{0}}, other[SIDE + 2][ROW + 2] = {{0}};
    for (int64_t i = 0; i < n; i++) {
        uint8_t *tile = tiles + i * tiles_step;
        uint16_t side = (uint16_t)weight[i], middle = (uint16_t)(256 - 2 * weight[i]);
        if (!side)
            continue;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                wide[y + 1][x + 1] = tile[y * SIDE + x];
        for (int twice = 0; twice < 2; twice++) {
            for (int y = 1; y <= SIDE; y++)
                for (int x = 1; x <= SIDE; x++) {
                    uint16_t near = wide[y - 1][x] + wide[y + 1][x];
                    other[y][x] = (uint16_t)(wide[y][x] * middle + near * side + 128) >> 8;
                }
            for (int y = 1; y <= SIDE; y++)
                for (int x = 1; x <= SIDE; x++) {
                    uint16_t near = other[y][x - 1] + other[y][x + 1];
                    wide[y][x] = (uint16_t)(other[y][x] * middle + near * side + 128) >> 8;
                }
        }
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                tile[y * SIDE + x] = (uint8_t)wide[y + 1][x + 1];
    }
}
