#define _GNU_SOURCE
#include "bpf_shim.h"
#include "command.h"

#include <string.h>

_Static_assert(WARRENS_BPF_CLASSIFIER == BPF_PROG_TYPE_SCHED_CLS, "linux/bpf.h");

int warrens_bpf_program_information(int program, struct warrens_bpf_program *to) {
    struct bpf_prog_info from = {0};
    if (information(program, &from, sizeof from) < 0)
        return -1;
    *to = (struct warrens_bpf_program){
        .id = from.id, .type = from.type, .verified_instructions = from.verified_insns,
    };
    memcpy(to->tag, from.tag, sizeof to->tag);
    memcpy(to->name, from.name, sizeof to->name - 1);
    return 0;
}

int warrens_bpf_program_load(
    uint32_t type, const char *name, const uint64_t *instructions, size_t count, char *log, size_t capacity) {
    union bpf_attr attributes = {
        .prog_type = type, .insns = address(instructions), .insn_cnt = (uint32_t)count,
        .license = address("GPL"),
    };
    strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
    if (log && capacity) {
        log[0] = 0;
        attributes.log_level = 1;
        attributes.log_buf = address(log);
        attributes.log_size = (uint32_t)capacity;
    }
    return command(BPF_PROG_LOAD, &attributes);
}

int warrens_bpf_program_open(uint32_t id) {
    union bpf_attr attributes = {.prog_id = id};
    return command(BPF_PROG_GET_FD_BY_ID, &attributes);
}

int warrens_bpf_program_run(int program, struct warrens_bpf_run *run) {
    union bpf_attr attributes = {
        .test = {
            .prog_fd = (uint32_t)program,
            .data_in = address(run->input), .data_size_in = run->input_length,
            .data_out = address(run->output), .data_size_out = run->output_length,
            .repeat = run->repetitions,
        },
    };
    if (command(BPF_PROG_TEST_RUN, &attributes) < 0)
        return -1;
    run->output_length = attributes.test.data_size_out;
    run->result = attributes.test.retval;
    run->duration = attributes.test.duration;
    return 0;
}
