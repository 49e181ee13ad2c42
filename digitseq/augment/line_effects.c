#include "../kernels.h"

#define STRIDE (GAMMA << 20) /* from the words of one row of pixels to those of the next */
#define GRAIN 4
#define STAIN 8
#define BLOCK 5
#define LOCAL 256 /* px processed at a time */

/* Random bytes for some pixels of a row, from word `first` on; each word holds eight, the lowest first. */
INLINE void random_bytes(uint64_t start, int64_t row, int64_t first, int64_t words, uint8_t *bytes)
{
    uint64_t base = start + STRIDE * (uint64_t)row + GAMMA * (uint64_t)(first + 1);
    for (int64_t k = 0; k < words; k++) {
        uint64_t word = mix(base + GAMMA * (uint64_t)k);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        memcpy(bytes + 8 * k, &word, 8);
    }
}

/* Ink over what is behind it. */
INLINE uint8_t over(uint8_t ink, uint16_t behind)
{
    return (uint8_t)(behind + (uint16_t)(ink * (255 - behind)) / 255);
}

/* A brightness of 0 to 255, scaled by a level. */
INLINE uint16_t shade(int32_t light, uint16_t level)
{
    return (uint16_t)((uint16_t)light * level) / 255;
}

INLINE void plain(uint8_t *image, int64_t pitch, int64_t width, uint16_t level)
{
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < width; x++)
            image[y * pitch + x] = over(image[y * pitch + x], level);
}

INLINE void gradient(uint8_t *image, int64_t pitch, int64_t width, uint16_t level, const uint64_t *words)
{
    int32_t left = byte(words[0], 0), right = byte(words[0], 8);
    int32_t top = byte(words[0], 16), bottom = byte(words[0], 24);
    for (int64_t first = 0; first < width; first += LOCAL) {
        int64_t count = width - first < LOCAL ? width - first : LOCAL;
        int32_t across[LOCAL];
        for (int64_t x = 0; x < count; x++)
            across[x] = left * 256 + (right - left) * (int32_t)((uint32_t)(first + x) * 256 / (uint32_t)width);
        for (int64_t y = 0; y < SIDE; y++) {
            uint8_t *row = image + y * pitch + first;
            int32_t down = top * 256 + (bottom - top) * (int32_t)(y * 256 / SIDE);
            for (int64_t x = 0; x < count; x++)
                row[x] = over(row[x], shade((across[x] + down) >> 9, level));
        }
    }
}

/* For the `cell` rows from y on: the rows of random bytes above and below them, interpolated along x; the bytes
   are `cell` px apart. */
INLINE void clouds(uint64_t start, int cell, int64_t y, int64_t first, int16_t *above, int16_t *below)
{
    uint8_t corners[LOCAL / GRAIN + 8];
    memcpy(above, below, LOCAL * sizeof *above);
    for (int64_t edge = y ? y / cell + 1 : 0; edge <= y / cell + 1; edge++) {
        if (edge == 1 && !y)
            memcpy(above, below, LOCAL * sizeof *above);
        random_bytes(start, edge, first / cell / 8, LOCAL / cell / 8 + 1, corners);
        for (int j = 0; j < LOCAL / cell; j++)
            for (int k = 0; k < cell; k++)
                below[cell * j + k] = (int16_t)(corners[j] * (cell - k) + corners[j + 1] * k);
    }
}

INLINE void paper(uint8_t *image, int64_t pitch, int64_t width, uint16_t level, const uint64_t *words)
{
    for (int64_t first = 0; first < width; first += LOCAL) {
        int64_t count = width - first < LOCAL ? width - first : LOCAL;
        uint8_t fine[LOCAL];
        int16_t above[LOCAL], below[LOCAL];
        for (int64_t y = 0; y < SIDE; y++) {
            uint8_t *row = image + y * pitch + first;
            if (y % GRAIN == 0)
                clouds(words[1], GRAIN, y, first, above, below);
            int16_t down = (int16_t)(y % GRAIN);
            random_bytes(words[2], y, first / 8, (count + 7) / 8, fine);
            for (int64_t x = 0; x < count; x++) {
                int16_t grain = (int16_t)(above[x] * (GRAIN - down) + below[x] * down);
                row[x] = over(row[x], shade(128 + (grain >> 5) - (fine[x] >> 2), level));
            }
        }
    }
}

INLINE void lines(uint8_t *image, int64_t pitch, int64_t width, uint16_t level, const uint64_t *words)
{
    int32_t apart = 9 + byte(words[0], 0) % 12, first = byte(words[0], 8) % apart;
    int32_t upright = 18 + byte(words[0], 16) % 16;
    for (int64_t y = 0; y < SIDE; y++) {
        uint8_t *row = image + y * pitch;
        if (byte(words[0], 24) % 3 == 0 && y % apart != first) /* vertical lines, between horizontal ones */
            for (int64_t x = 0; x < width; x++)
                row[x] = over(row[x], x % upright ? level / 5 : level);
        else
            for (int64_t x = 0; x < width; x++)
                row[x] = over(row[x], y % apart == first ? level : level / 5);
    }
}

INLINE void ledger(uint8_t *image, int64_t pitch, int64_t width, uint16_t level, const uint64_t *words)
{
    int32_t place = byte(words[0], 8), row_of_dots = place < 192 ? 20 + place % 8 : place % SIDE;
    int32_t apart = 3 + byte(words[0], 16) % 5, column = 24 + byte(words[0], 40) % 48, wide = byte(words[0], 56) & 1;
    int dotted = byte(words[0], 0) < 90, ruled = byte(words[0], 32) < 64;
    for (int64_t first = 0; first < width; first += LOCAL) {
        int64_t count = width - first < LOCAL ? width - first : LOCAL;
        uint8_t fine[LOCAL], dots[LOCAL], rules[LOCAL];
        int16_t above[LOCAL], below[LOCAL];  /* of the grain */
        int16_t higher[LOCAL], lower[LOCAL]; /* of the stains */
        for (int64_t x = 0; x < count; x++) {
            int32_t at = (int32_t)(first + x);
            dots[x] = dotted && (at + byte(words[0], 24)) % apart < (apart + 1) / 2;
            rules[x] = ruled && (at + byte(words[0], 48)) % column <= wide;
        }
        for (int64_t y = 0; y < SIDE; y++) {
            uint8_t *row = image + y * pitch + first, here = y == row_of_dots;
            int32_t fall = (int32_t)(y % GRAIN), drop = (int32_t)(y % STAIN);
            if (!fall)
                clouds(words[2], GRAIN, y, first, above, below);
            if (!drop)
                clouds(words[1], STAIN, y, first, higher, lower);
            random_bytes(words[3], y, first / 8, (count + 7) / 8, fine);
            for (int64_t x = 0; x < count; x++) {
                int32_t grain = above[x] * (GRAIN - fall) + below[x] * fall;
                int32_t stains = higher[x] * (STAIN - drop) + lower[x] * drop;
                uint16_t paper = shade(50 + (stains * 114 >> 14) + (grain * 76 >> 12) + (fine[x] >> 4), level);
                /* Rough paper takes ink unevenly. */
                uint16_t ink = (uint16_t)(paper * (2 + (fine[x] >> 7) + rules[x]));
                ink = ink < 255 ? ink : 255;
                row[x] = over(row[x], rules[x] | (dots[x] & here) ? ink : paper);
            }
        }
    }
}

/* kinds: 0 plain, 1 gradient, 2 paper, 3 lines, 4 ledger, in the order of BACKGROUNDS. */
KERNEL put_behind(int64_t n, const int64_t *kinds, const int64_t *levels, int64_t pitch, const uint64_t *words,
                  const int64_t *widths, uint8_t *images, int64_t images_step, int64_t images_pitch)
{
    for (int64_t i = 0; i < n; i++) {
        uint8_t *image = images + i * images_step;
        const uint64_t *own = words + i * pitch + 2;
        uint16_t level = (uint16_t)levels[i];
        if (kinds[i] == 0)
            plain(image, images_pitch, widths[i], level);
        else if (kinds[i] == 1)
            gradient(image, images_pitch, widths[i], level, own);
        else if (kinds[i] == 2)
            paper(image, images_pitch, widths[i], level, own);
        else if (kinds[i] == 3)
            lines(image, images_pitch, widths[i], level, own);
        else
            ledger(image, images_pitch, widths[i], level, own);
    }
}

KERNEL cover(int64_t n, int64_t pitch, const uint64_t *words, const int64_t *counts, const int64_t *widths,
             uint8_t *images, int64_t images_step, int64_t images_pitch)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t count = counts[i], width = widths[i], room = width / (count > 0 ? count : 1);
        uint8_t *image = images + i * images_step;
        for (int64_t number = 0; number < count; number++) {
            uint64_t word = words[i * pitch + 1 + number];
            int64_t middle_x = room * number + byte(word, 0) * room / 256;
            int64_t middle_y = 4 + byte(word, 8) * 20 / 256;
            uint8_t light = word >> 16 & 1 ? 255 : 0;
            if (word >> 24 & 1) { /* a stroke */
                int64_t fall = byte(word, 48) - 128;
                for (int64_t x = room * number; x < room * (number + 1); x++) {
                    int64_t y = ((x - middle_x) * fall >> 9) + middle_y;
                    if (y >= 0 && y < SIDE)
                        image[y * images_pitch + x] = light;
                }
                continue;
            }
            int64_t left = middle_x - BLOCK / 2, top = middle_y - BLOCK / 2;
            for (int64_t y = top; y < top + 2 + byte(word, 40) % 4; y++)
                for (int64_t x = left; x < left + 2 + byte(word, 32) % 3; x++)
                    if (x >= 0 && x < width && y >= 0 && y < SIDE)
                        image[y * images_pitch + x] = light;
        }
    }
}

KERNEL add_noise(int64_t n, const uint64_t *starts, const int64_t *factors, const int64_t *widths, uint8_t *images,
                 int64_t images_step, int64_t images_pitch)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t factor = (int32_t)factors[i];
        for (int64_t y = 0; y < SIDE; y++)
            for (int64_t first = 0; first < widths[i]; first += LOCAL) {
                int64_t count = widths[i] - first < LOCAL ? widths[i] - first : LOCAL;
                uint8_t bytes[2 * LOCAL], *row = images + i * images_step + y * images_pitch + first;
                random_bytes(starts[i], y, first / 4, (2 * count + 7) / 8, bytes);
                for (int64_t x = 0; x < count; x++) {
                    int32_t both = bytes[2 * x] + bytes[2 * x + 1] - 255;
                    row[x] = (uint8_t)clip(row[x] + ((both * factor + 512) >> 10), 0, 255);
                }
            }
    }
}

KERNEL add_specks(int64_t n, const uint64_t *starts, const int64_t *counts, const int64_t *widths, uint8_t *images,
                  int64_t images_step, int64_t images_pitch)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 1; k <= counts[i]; k++) {
            uint64_t word = mix(starts[i] + GAMMA * (uint64_t)k);
            uint32_t width = (uint32_t)widths[i], place = (uint32_t)((word >> 32) * (SIDE * width) >> 32);
            images[i * images_step + place / width * images_pitch + place % width] = word & 1 ? 255 : 0;
        }
}
