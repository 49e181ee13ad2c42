#include "../kernels.h"

/* The inked columns of a row of pixels, one bit each. */
INLINE uint32_t inked(const uint8_t *row)
{
    uint32_t mask = 0;
    for (int x = 0; x < SIDE; x++)
        mask |= (uint32_t)(row[x] != 0) << x;
    return mask;
}

INLINE int lowest(uint32_t mask)
{
    return __builtin_ctz(mask);
}

INLINE int highest(uint32_t mask)
{
    return 31 - __builtin_clz(mask);
}

/* First inked column, ink width, first inked row, ink height; all 0 for a blank tile. */
KERNEL measure(int64_t n, const uint8_t *tiles, int64_t tiles_step, int64_t *measured)
{
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *tile = tiles + i * tiles_step;
        uint8_t columns[SIDE] = {0};
        uint32_t rows = 0;
        for (int y = 0; y < SIDE; y++) {
            uint8_t any = 0;
            for (int x = 0; x < SIDE; x++) {
                columns[x] |= tile[y * SIDE + x];
                any |= tile[y * SIDE + x];
            }
            rows |= (uint32_t)(any != 0) << y;
        }
        uint32_t across = inked(columns);
        measured[i] = across ? lowest(across) : 0;
        measured[n + i] = across ? highest(across) + 1 - lowest(across) : 0;
        measured[2 * n + i] = rows ? lowest(rows) : 0;
        measured[3 * n + i] = rows ? highest(rows) + 1 - lowest(rows) : 0;
    }
}

/* Where ink begins and ends in each row of pixels, counted from the first inked column. */
KERNEL measure_profiles(int64_t n, const uint8_t *stored, const int64_t *rows, const int64_t *left,
                        int64_t no_ink, int64_t *first, int64_t *last)
{
    for (int64_t i = 0; i < n; i++)
        for (int y = 0; y < SIDE; y++) {
            uint32_t mask = inked(stored + rows[i] * TILE + y * SIDE);
            first[i * SIDE + y] = mask ? lowest(mask) - left[rows[i]] : -no_ink;
            last[i * SIDE + y] = mask ? highest(mask) - left[rows[i]] : no_ink;
        }
}
