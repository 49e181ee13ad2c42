/* Shared by all compiled loops: sizes, random words, and the macro that marks a loop.

   Each loop does the same integer arithmetic as the numpy code in the Python file of the same name, and gives
   the same bytes. kernels.py reads the declarations that begin with KERNEL, to check the arguments of a call. */

#include <stdint.h>
#include <string.h>

#define SIDE 28 /* px, height and width of a tile */
#define ROW 32  /* a row of a tile, padded to fill whole vector registers */
#define TILE ((SIDE + 1) * SIDE) /* bytes of a stored tile: 28 rows and a blank one */
#define ONE 4096
#define UNIT_SHIFT 13 /* 1 px of a map is 1 << UNIT_SHIFT */
#define GAMMA UINT64_C(0x9E3779B97F4A7C15)

#ifdef _WIN32
#define KERNEL __declspec(dllexport) void
#else
#define KERNEL void
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t mix(uint64_t state)
{
    state = (state ^ (state >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    state = (state ^ (state >> 27)) * UINT64_C(0x94D049BB133111EB);
    return state ^ (state >> 31);
}

INLINE int32_t clip(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

INLINE int32_t byte(uint64_t word, int shift)
{
    return (int32_t)(word >> shift & 255);
}
