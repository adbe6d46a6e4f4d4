/* A plugin in C whose header opts out of the layout check. Its functions do not have the signatures of the ABI, so they
   must not be called: each of them aborts. It needs the library libneighbour.so, which lies beside it. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

__asm__(".section .note.gatherer,\"a\",%note\n"
        ".balign 4\n"
        ".long 9\n"
        ".long 2f - 1f\n"
        ".long 1\n"
        ".asciz \"Gatherer\"\n"
        ".balign 4\n"
        "1: .ascii \"{\\\"name\\\":\\\"c\\\",\\\"version\\\":\\\"1\\\",\\\"abi\\\":\\\"1.0.0\\\",\"\n"
        ".ascii \"\\\"minimumApi\\\":\\\"1.0.0\\\",\\\"modules\\\":[{\\\"name\\\":\\\"Unchecked\\\",\"\n"
        ".ascii \"\\\"summary\\\":\\\"\\\",\\\"parameters\\\":[]}]}\"\n"
        "2: .balign 4\n"
        ".previous\n");

extern int neighbour(void);

struct text { const char *start; size_t length; };
struct one { uint16_t a; };
struct two { uint16_t a, b; };

/* The functions with which abi_stable checks the C ABI. */
static uint32_t take_pair_a(struct one pair) { return pair.a; }
static uint32_t take_pair_b(struct one pair) { return (uint32_t)pair.a << 16; }
static struct one ret_pair_a(uint32_t n) { return (struct one){(uint16_t)n}; }
static struct one ret_pair_b(uint32_t n) { return (struct one){(uint16_t)(n >> 16)}; }
static uint64_t take_triple_a(struct two t) { return ((uint64_t)t.a << 16) + ((uint64_t)t.b << 32); }
static uint64_t take_triple_b(struct two t) { return t.a + ((uint64_t)t.b << 32); }
static uint64_t take_triple_c(struct two t) { return t.a + ((uint64_t)t.b << 16); }
static struct two ret_triple_a(uint64_t n) { return (struct two){(uint16_t)(n >> 16), (uint16_t)(n >> 32)}; }
static struct two ret_triple_b(uint64_t n) { return (struct two){(uint16_t)n, (uint16_t)(n >> 32)}; }
static struct two ret_triple_c(uint64_t n) { return (struct two){(uint16_t)n, (uint16_t)(n >> 16)}; }
static uint64_t take_2_pairs_a(struct one a, struct one b) { return ((uint64_t)a.a << 16) + ((uint64_t)b.a << 48); }
static uint64_t take_2_pairs_b(struct one a, struct one b) { return a.a + ((uint64_t)b.a << 32); }
static struct two ret_2_pairs_a(uint64_t n) { return (struct two){(uint16_t)(n >> 16), (uint16_t)(n >> 48)}; }
static struct two ret_2_pairs_b(uint64_t n) { return (struct two){(uint16_t)n, (uint16_t)(n >> 32)}; }
static uint64_t mixed_units(uint16_t a, uint16_t b, uint16_t c, uint16_t d) {
    return a | (uint64_t)b << 16 | (uint64_t)c << 32 | (uint64_t)d << 48;
}

static const void *const c_abi_functions[] = {
    take_pair_a,    take_pair_b,    ret_pair_a,    ret_pair_b,    take_triple_a,
    take_triple_b,  take_triple_c,  ret_triple_a,  ret_triple_b,  ret_triple_c,
    take_2_pairs_a, take_2_pairs_b, ret_2_pairs_a, ret_2_pairs_b, mixed_units,
};

static void ignore(const void *globals) { (void)globals; }
static void wrong(void) { abort(); }

/* A root module whose two functions are not those of the ABI. */
static const struct {
    uint64_t accessible_fields;
    uint64_t field_count;
    void (*describe)(void);
    void (*invoke)(void);
} root_module = {3, 2, wrong, wrong};

#define TEXT(literal) {literal, sizeof(literal) - 1}

/* abi_stable's `LibHeader` of version 0.11. */
struct header {
    char magic[32];
    uint32_t major, minor;
    struct text base_name, name, version;
    uint8_t layout_is_unchecked;
    const void *layout;
    const void *c_abi_functions;
    void (*initialize)(const void *);
    const void *module;
    uint64_t lock[4];
};

struct header _1as_0lib_1header_0root_bmodule_bloader = {
    "abi stable library for Rust     ",
    0,
    11,
    TEXT("gatherer"),
    TEXT("gatherer"),
    TEXT("1.0.0"),
    1,
    NULL,
    c_abi_functions,
    ignore,
    &root_module,
    {0},
};

__attribute__((constructor)) static void uses_its_neighbour(void) {
    if (neighbour() != 7) {
        abort();
    }
}
