// The kernel's own header, with its context structures so that each access to a member is one instruction with the member's
// offset in it. The verifier refuses the pointers to members that the compiler would otherwise make where that is shorter.
#pragma once

#pragma clang attribute push(__attribute__((preserve_static_offset)), apply_to = record)
#include <linux/bpf.h>
#pragma clang attribute pop
