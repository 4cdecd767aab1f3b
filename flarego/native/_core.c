#include "_core.h"

#include <stdlib.h>
#include <string.h>

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static PyObject *rip_targets(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer text;
    unsigned long long base, low, high;
    if (!PyArg_ParseTuple(args, "y*KKK", &text, &base, &low, &high))
        return NULL;
    size_t capacity = (size_t)text.len / 6 + 1, unique = 0;
    uint64_t *found = PyMem_Malloc(capacity * sizeof(*found));
    PyObject *result = NULL;
    if (found) {
        size_t n = fg_rip_targets(text.buf, (size_t)text.len, base, low, high, found, capacity);
        qsort(found, n, sizeof(*found), compare_u64);
        for (size_t i = 0; i < n; i++)
            if (i == 0 || found[i] != found[unique - 1])
                found[unique++] = found[i];
        result = PyBytes_FromStringAndSize((char *)found, (Py_ssize_t)(unique * sizeof(*found)));
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(found);
    PyBuffer_Release(&text);
    return result;
}

static PyMethodDef functions[] = {{"rip_targets", rip_targets, METH_VARARGS, NULL}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "flarego.native._core", "The C core.", -1, functions,
                                        NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void) {
    PyObject *module = PyModule_Create(&definition);
    if (!module)
        return NULL;
    if (fg_bind_memory(module) || fg_bind_tables(module) || fg_bind_sampler(module) || fg_bind_book(module)) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
