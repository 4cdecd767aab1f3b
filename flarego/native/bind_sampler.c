#include "_core.h"

int fg_bind_sampler(PyObject *module) {
    (void)module;
    return 0;
}
