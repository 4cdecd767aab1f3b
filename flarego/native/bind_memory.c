#include "_core.h"

#include <errno.h>
#include <string.h>

PyTypeObject *fg_memory_type;

enum { MAX_READ = 1 << 30, MAX_SPANS = 1 << 20 };

PyObject *fg_raise(int err) {
    errno = -err;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static int memory_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"pid", NULL};
    int pid;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i", names, &pid))
        return -1;
    struct memory_object *o = (struct memory_object *)self;
    fg_memory_deinit(&o->memory);
    return fg_memory_init(&o->memory, pid);
}

static void memory_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    fg_memory_deinit(&((struct memory_object *)self)->memory);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *added(int err) {
    if (err == -EINVAL) {
        PyErr_SetString(PyExc_ValueError, "segment is empty or overlaps another");
        return NULL;
    }
    if (err)
        return fg_raise(err);
    Py_RETURN_NONE;
}

static PyObject *memory_add_file(PyObject *self, PyObject *args) {
    unsigned long long start, end, offset;
    int fd;
    if (!PyArg_ParseTuple(args, "KKiK", &start, &end, &fd, &offset))
        return NULL;
    return added(fg_memory_add_file(&((struct memory_object *)self)->memory, start, end, fd, offset));
}

static PyObject *memory_add_bytes(PyObject *self, PyObject *args) {
    unsigned long long start;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "Ky*", &start, &data))
        return NULL;
    int err = fg_memory_add_bytes(&((struct memory_object *)self)->memory, start, data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return added(err);
}

static PyObject *read_bytes(PyObject *self, PyObject *args, bool whole) {
    unsigned long long address;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "Kn", &address, &size))
        return NULL;
    if (size < 0 || size > MAX_READ) {
        PyErr_SetString(PyExc_ValueError, "size out of range");
        return NULL;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (!bytes)
        return NULL;
    ssize_t n;
    struct fg_memory *m = &((struct memory_object *)self)->memory;
    char *buffer = PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS
    n = fg_read_some(m, address, buffer, (size_t)size);
    Py_END_ALLOW_THREADS
    if (n == size)
        return bytes;
    if (!whole && (n >= 0 || n == -EFAULT)) {
        PyObject *cut = PyBytes_FromStringAndSize(buffer, n < 0 ? 0 : n);
        Py_DECREF(bytes);
        return cut;
    }
    Py_DECREF(bytes);
    return fg_raise(n < 0 ? (int)n : -EFAULT);
}

static PyObject *memory_read(PyObject *self, PyObject *args) { return read_bytes(self, args, true); }
static PyObject *memory_read_some(PyObject *self, PyObject *args) { return read_bytes(self, args, false); }

static PyObject *spans_to_list(const struct fg_span *spans, const uint8_t *ok, size_t n, const char *from) {
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list && i < n; i++) {
        PyObject *item = ok[i] ? PyBytes_FromStringAndSize(from, (Py_ssize_t)spans[i].size) : Py_NewRef(Py_None);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SetItem(list, (Py_ssize_t)i, item);
        from += spans[i].size;
    }
    return list;
}

static PyObject *memory_read_spans(PyObject *self, PyObject *spans_object) {
    Py_ssize_t n = PySequence_Size(spans_object);
    if (n < 0)
        return NULL;
    if (n > MAX_SPANS) {
        PyErr_SetString(PyExc_ValueError, "too many spans");
        return NULL;
    }
    struct fg_span *spans = PyMem_Calloc((size_t)n + 1, sizeof(*spans));
    uint8_t *ok = PyMem_Calloc((size_t)n + 1, 1);
    char *buffer = NULL;
    PyObject *list = NULL;
    uint64_t total = 0;
    if (!spans || !ok) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_GetItem(spans_object, i);
        unsigned long long address, size;
        int good = item && PyArg_ParseTuple(item, "KK", &address, &size);
        Py_XDECREF(item);
        if (!good)
            goto done;
        spans[i] = (struct fg_span){address, size};
        if (size > MAX_READ || (total += size) > MAX_READ) {
            PyErr_SetString(PyExc_ValueError, "spans too large");
            goto done;
        }
    }
    buffer = PyMem_Malloc(total + 1);
    if (!buffer) {
        PyErr_NoMemory();
        goto done;
    }
    ssize_t got;
    struct fg_memory *m = &((struct memory_object *)self)->memory;
    Py_BEGIN_ALLOW_THREADS
    got = fg_read_spans(m, spans, (size_t)n, buffer, ok);
    Py_END_ALLOW_THREADS
    list = got < 0 ? fg_raise((int)got) : spans_to_list(spans, ok, (size_t)n, buffer);
done:
    PyMem_Free(spans);
    PyMem_Free(ok);
    PyMem_Free(buffer);
    return list;
}

static PyObject *memory_pid(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromLong(((struct memory_object *)self)->memory.pid);
}

static PyMethodDef methods[] = {
    {"add_file", memory_add_file, METH_VARARGS, NULL},
    {"add_bytes", memory_add_bytes, METH_VARARGS, NULL},
    {"read", memory_read, METH_VARARGS, NULL},
    {"read_some", memory_read_some, METH_VARARGS, NULL},
    {"read_spans", memory_read_spans, METH_O, NULL},
    {0},
};
static PyGetSetDef getters[] = {{"pid", memory_pid, NULL, NULL, NULL}, {0}};
static PyType_Slot slots[] = {
    {Py_tp_doc, "Another process's address space, read only."},
    {Py_tp_init, memory_init},
    {Py_tp_dealloc, memory_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getters},
    {0, NULL},
};
static PyType_Spec spec = {"flarego.native._core.Memory", sizeof(struct memory_object), 0, Py_TPFLAGS_DEFAULT, slots};

int fg_bind_memory(PyObject *module) {
    fg_memory_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (!fg_memory_type)
        return -1;
    return PyModule_AddObjectRef(module, "Memory", (PyObject *)fg_memory_type);
}
