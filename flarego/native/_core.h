// What the binding's files share. Only files named bind_*.c and _core.c know Python.
#ifndef FLAREGO_CORE_H
#define FLAREGO_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "flarego.h"

struct memory_object {
    PyObject_HEAD
    struct fg_memory memory;
};

struct tables_object {
    PyObject_HEAD
    struct memory_object *memory;
    struct fg_tables tables;
};

extern PyTypeObject *fg_memory_type, *fg_tables_type;

PyObject *fg_raise(int err); // OSError(-err); returns NULL
int fg_bind_memory(PyObject *module);
int fg_bind_tables(PyObject *module);
int fg_bind_sampler(PyObject *module);
int fg_bind_book(PyObject *module);

#endif
