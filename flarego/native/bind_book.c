#include "_core.h"
#include "book.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct book_object {
    PyObject_HEAD
    struct fg_book book;
};
struct numbers_object {
    PyObject_HEAD
    struct book_object *book;
    struct fg_numbers numbers;
};
struct table_object {
    PyObject_HEAD
    struct fg_sums sums;
};
static PyTypeObject *book_type, *numbers_type, *table_type;

static PyObject *done(int err) {
    switch (err) {
    case 0:
        Py_RETURN_NONE;
    case -EINVAL:
        PyErr_SetString(PyExc_ValueError, "something refers to what is not defined");
        return NULL;
    case -E2BIG:
        PyErr_SetString(PyExc_OverflowError, "more than flarego adds up");
        return NULL;
    default:
        return PyErr_NoMemory();
    }
}

// Columns of a table, as bytes objects that are held while they are read. One that does not fit the others is an error.
struct columns {
    PyObject *held[12];
    size_t n_held;
    bool bad;
};

static const uint8_t *bytes_of(struct columns *c, PyObject *bytes, size_t width, size_t *n) {
    if (!bytes || !PyBytes_Check(bytes) || (size_t)PyBytes_Size(bytes) % width) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "a column has to be bytes, of whole numbers");
        Py_XDECREF(bytes);
        c->bad = true;
        return NULL;
    }
    c->held[c->n_held++] = bytes;
    *n = (size_t)PyBytes_Size(bytes) / width;
    return (const uint8_t *)PyBytes_AsString(bytes);
}

// A column of `table`; nothing of an empty table. *n: how many entries it has, which SIZE_MAX leaves open.
static const uint8_t *column(struct columns *c, PyObject *table, const char *name, size_t width, size_t *n) {
    Py_ssize_t size = c->bad ? -1 : PyMapping_Size(table);
    if (size <= 0) {
        c->bad |= size < 0;
        *n = 0;
        return NULL;
    }
    size_t found = 0;
    const uint8_t *data = bytes_of(c, PyMapping_GetItemString(table, name), width, &found);
    if (data && *n != SIZE_MAX && found != *n) {
        PyErr_SetString(PyExc_ValueError, "columns of a table differ in length");
        c->bad = true;
    }
    *n = found;
    return data;
}

static void release(struct columns *c) {
    while (c->n_held)
        Py_DECREF(c->held[--c->n_held]);
}

static PyObject *bytes_from(PyObject *dict, const char *name, size_t size, char **out) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes && PyDict_SetItemString(dict, name, bytes)) {
        Py_DECREF(bytes);
        return NULL;
    }
    if (bytes) {
        *out = PyBytes_AsString(bytes);
        Py_DECREF(bytes); // the dict holds it
    }
    return bytes;
}

// Columns out of an array of structures.
struct field {
    const char *name;
    size_t offset, width;
};

static PyObject *to_columns(const void *entries, size_t n, size_t stride, const struct field *fields) {
    PyObject *dict = PyDict_New();
    for (const struct field *f = fields; dict && f->name; f++) {
        char *out;
        if (!bytes_from(dict, f->name, n * f->width, &out)) {
            Py_DECREF(dict);
            return NULL;
        }
        const char *from = (const char *)entries + f->offset;
        for (size_t i = 0; i < n; i++)
            memcpy(out + i * f->width, from + i * stride, f->width);
    }
    return dict;
}

// ---- Book ----

static struct fg_book *book_of(PyObject *self) {
    struct fg_book *book = &((struct book_object *)self)->book;
    if (!book->nodes)
        PyErr_SetString(PyExc_TypeError, "Book was not initialised");
    return book->nodes ? book : NULL;
}

static int book_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {NULL};
    struct fg_book *book = &((struct book_object *)self)->book;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "", names))
        return -1;
    if (book->nodes) {
        PyErr_SetString(PyExc_TypeError, "already initialised");
        return -1;
    }
    return fg_book_init(book) ? (PyErr_NoMemory(), -1) : 0;
}

static void book_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    fg_book_deinit(&((struct book_object *)self)->book);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *book_frames(PyObject *self, PyObject *from_object) {
    static const struct field fields[] = {{"function", offsetof(struct fg_book_frame, function), 4},
                                          {"file", offsetof(struct fg_book_frame, file), 4},
                                          {"line", offsetof(struct fg_book_frame, line), 4},
                                          {"flags", offsetof(struct fg_book_frame, flags), 1},
                                          {NULL, 0, 0}};
    struct fg_book *b = book_of(self);
    size_t from = PyLong_AsSize_t(from_object);
    if (!b || PyErr_Occurred())
        return NULL;
    from = from < b->n_frames ? from : b->n_frames;
    return to_columns(b->frames + from, b->n_frames - from, sizeof(*b->frames), fields);
}

static PyObject *book_nodes(PyObject *self, PyObject *from_object) {
    static const struct field fields[] = {{"parent", offsetof(struct fg_book_node, parent), 4},
                                          {"frame", offsetof(struct fg_book_node, frame), 4},
                                          {NULL, 0, 0}};
    struct fg_book *b = book_of(self);
    size_t from = PyLong_AsSize_t(from_object);
    if (!b || PyErr_Occurred())
        return NULL;
    from = from < b->n_nodes ? from : b->n_nodes;
    return to_columns(b->nodes + from, b->n_nodes - from, sizeof(*b->nodes), fields);
}

static PyObject *book_add_up(PyObject *self, PyObject *weights) {
    struct fg_book *b = book_of(self);
    struct columns c = {0};
    size_t n;
    const uint8_t *data = b ? bytes_of(&c, Py_NewRef(weights), 8, &n) : NULL;
    PyObject *result = NULL;
    if (data && n != b->n_nodes) {
        PyErr_SetString(PyExc_ValueError, "one weight for each stack");
    } else if (data && (result = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)(n * 8)))) {
        fg_book_add_up(b, (double *)(void *)PyBytes_AsString(result));
    }
    release(&c);
    return result;
}

static PyObject *book_depth(PyObject *self, void *closure) {
    (void)closure;
    uint32_t depth = fg_book_depth(&((struct book_object *)self)->book);
    return depth == FG_NONE ? PyErr_NoMemory() : PyLong_FromUnsignedLong(depth);
}

static PyObject *book_size(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromSize_t(fg_book_size(&((struct book_object *)self)->book));
}

static PyObject *book_n_frames(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromUnsignedLong(((struct book_object *)self)->book.n_frames);
}

static PyObject *book_n_nodes(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromUnsignedLong(((struct book_object *)self)->book.n_nodes);
}

// ---- Numbers ----

static struct numbers_object *numbers_of(PyObject *self) {
    struct numbers_object *o = (struct numbers_object *)self;
    if (!o->book)
        PyErr_SetString(PyExc_TypeError, "Numbers was not initialised");
    return o->book ? o : NULL;
}

static int numbers_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"book", NULL};
    struct numbers_object *o = (struct numbers_object *)self;
    PyObject *book;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!", names, book_type, &book) || !book_of(book))
        return -1;
    if (o->book) {
        PyErr_SetString(PyExc_TypeError, "already initialised");
        return -1;
    }
    if (fg_numbers_init(&o->numbers))
        return PyErr_NoMemory(), -1;
    o->book = (struct book_object *)Py_NewRef(book);
    return 0;
}

static void numbers_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    fg_numbers_deinit(&((struct numbers_object *)self)->numbers);
    Py_XDECREF((PyObject *)((struct numbers_object *)self)->book);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *numbers_define(PyObject *self, PyObject *args) {
    struct numbers_object *o = numbers_of(self);
    PyObject *strings, *frames, *locations, *nodes;
    if (!o || !PyArg_ParseTuple(args, "SOOO", &strings, &frames, &locations, &nodes))
        return NULL;
    struct columns c = {0};
    struct fg_defined d = {.n_frames = SIZE_MAX, .n_locations = SIZE_MAX, .n_location_frames = SIZE_MAX,
                           .n_nodes = SIZE_MAX};
    d.strings = bytes_of(&c, Py_NewRef(strings), 4, &d.n_strings);
    d.functions = column(&c, frames, "function", 4, &d.n_frames);
    d.files = column(&c, frames, "file", 4, &d.n_frames);
    d.lines = column(&c, frames, "line", 4, &d.n_frames);
    d.flags = column(&c, frames, "flags", 1, &d.n_frames);
    d.location_counts = column(&c, locations, "count", 1, &d.n_locations);
    d.location_frames = column(&c, locations, "frame", 4, &d.n_location_frames);
    d.parents = column(&c, nodes, "parent", 4, &d.n_nodes);
    d.locations = column(&c, nodes, "location", 4, &d.n_nodes);
    PyObject *result = c.bad ? NULL : done(fg_numbers_define(&o->numbers, &o->book->book, &d));
    release(&c);
    return result;
}

static PyObject *numbers_define_groups(PyObject *self, PyObject *groups) {
    struct numbers_object *o = numbers_of(self);
    if (!o)
        return NULL;
    struct columns c = {0};
    struct fg_defined d = {0};
    d.groups = bytes_of(&c, Py_NewRef(groups), 4, &d.n_groups);
    PyObject *result = c.bad ? NULL : done(fg_numbers_define(&o->numbers, &o->book->book, &d));
    release(&c);
    return result;
}

static PyObject *numbers_frame(PyObject *self, PyObject *number_object) {
    struct numbers_object *o = numbers_of(self);
    size_t number = PyLong_AsSize_t(number_object);
    if (!o || PyErr_Occurred())
        return NULL;
    if (number >= o->numbers.frames.size / 4)
        return done(-EINVAL);
    uint32_t frame;
    memcpy(&frame, o->numbers.frames.data + number * 4, 4);
    return PyLong_FromUnsignedLong(frame);
}

static PyObject *numbers_nodes(PyObject *self, PyObject *unused) {
    (void)unused;
    const struct fg_bytes *nodes = &((struct numbers_object *)self)->numbers.nodes;
    return PyBytes_FromStringAndSize((const char *)nodes->data, (Py_ssize_t)nodes->size);
}

static PyObject *numbers_close(PyObject *self, PyObject *unused) {
    (void)unused;
    fg_numbers_close(&((struct numbers_object *)self)->numbers);
    Py_RETURN_NONE;
}

static PyObject *numbers_size(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromSize_t(fg_numbers_size(&((struct numbers_object *)self)->numbers));
}

// ---- RowTable ----

static int table_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {NULL};
    (void)self; // Memory of a new object is zero, as fg_sums_init would make it.
    return PyArg_ParseTupleAndKeywords(args, kwargs, "", names) ? 0 : -1;
}

static void table_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    fg_sums_deinit(&((struct table_object *)self)->sums);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *table_add(PyObject *self, PyObject *args) {
    PyObject *numbers, *rows;
    if (!PyArg_ParseTuple(args, "O!O", numbers_type, &numbers, &rows) || !numbers_of(numbers))
        return NULL;
    struct columns c = {0};
    struct fg_row_columns r = {.n = SIZE_MAX};
    r.node = column(&c, rows, "node", 4, &r.n);
    r.group = column(&c, rows, "group", 4, &r.n);
    r.state = column(&c, rows, "state", 1, &r.n);
    r.reason = column(&c, rows, "reason", 1, &r.n);
    r.flags = column(&c, rows, "flags", 1, &r.n);
    r.wall = column(&c, rows, "wall", 8, &r.n);
    r.cpu = column(&c, rows, "cpu", 8, &r.n);
    r.count = column(&c, rows, "count", 4, &r.n);
    r.wait = column(&c, rows, "wait", 8, &r.n);
    PyObject *result =
        c.bad ? NULL : done(fg_sums_add(&((struct table_object *)self)->sums, &numbers_of(numbers)->numbers, &r));
    release(&c);
    return result;
}

static PyObject *table_merge(PyObject *self, PyObject *args) {
    PyObject *after, *numbers = Py_None;
    if (!PyArg_ParseTuple(args, "O!|O", table_type, &after, &numbers))
        return NULL;
    if (numbers != Py_None && (!PyObject_TypeCheck(numbers, numbers_type) || !numbers_of(numbers))) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "numbers has to be a Numbers");
        return NULL;
    }
    return done(fg_sums_merge(&((struct table_object *)self)->sums, &((struct table_object *)after)->sums,
                              numbers == Py_None ? NULL : &numbers_of(numbers)->numbers));
}

static PyObject *table_freeze(PyObject *self, PyObject *unused) {
    (void)unused;
    fg_sums_freeze(&((struct table_object *)self)->sums);
    Py_RETURN_NONE;
}

static PyObject *table_columns(PyObject *self, PyObject *unused) {
    static const struct field fields[] = {
        {"node", offsetof(struct fg_sum, node), 4},   {"group", offsetof(struct fg_sum, group), 4},
        {"state", offsetof(struct fg_sum, state), 1}, {"reason", offsetof(struct fg_sum, reason), 1},
        {"flags", offsetof(struct fg_sum, flags), 1}, {"wall", offsetof(struct fg_sum, wall), 8},
        {"cpu", offsetof(struct fg_sum, cpu), 8},     {"count", offsetof(struct fg_sum, count), 4},
        {"wait", offsetof(struct fg_sum, wait), 8},   {NULL, 0, 0}};
    (void)unused;
    struct fg_sums *s = &((struct table_object *)self)->sums;
    return to_columns(s->rows, s->n, sizeof(*s->rows), fields);
}

static Py_ssize_t table_length(PyObject *self) { return ((struct table_object *)self)->sums.n; }

static PyObject *table_size(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromSize_t(fg_sums_size(&((struct table_object *)self)->sums));
}

static PyMethodDef book_methods[] = {
    {"frames", book_frames, METH_O, NULL},
    {"nodes", book_nodes, METH_O, NULL},
    {"add_up", book_add_up, METH_O, NULL},
    {0},
};
static PyGetSetDef book_properties[] = {
    {"size", book_size, NULL, NULL, NULL},
    {"depth", book_depth, NULL, NULL, NULL},
    {"n_frames", book_n_frames, NULL, NULL, NULL},
    {"n_nodes", book_n_nodes, NULL, NULL, NULL},
    {0},
};
static PyType_Slot book_slots[] = {
    {Py_tp_doc, "Frames and stacks of one process, numbered once for many generations."},
    {Py_tp_init, book_init},
    {Py_tp_dealloc, book_dealloc},
    {Py_tp_methods, book_methods},
    {Py_tp_getset, book_properties},
    {0, NULL},
};
static PyMethodDef numbers_methods[] = {
    {"define", numbers_define, METH_VARARGS, NULL},
    {"define_groups", numbers_define_groups, METH_O, NULL},
    {"frame", numbers_frame, METH_O, NULL},
    {"nodes", numbers_nodes, METH_NOARGS, NULL},
    {"close", numbers_close, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef numbers_properties[] = {{"size", numbers_size, NULL, NULL, NULL}, {0}};
static PyType_Slot numbers_slots[] = {
    {Py_tp_doc, "What the numbers of one generation stand for in a book."},
    {Py_tp_init, numbers_init},
    {Py_tp_dealloc, numbers_dealloc},
    {Py_tp_methods, numbers_methods},
    {Py_tp_getset, numbers_properties},
    {0, NULL},
};
static PyMethodDef table_methods[] = {
    {"add", table_add, METH_VARARGS, NULL},
    {"merge", table_merge, METH_VARARGS, NULL},
    {"freeze", table_freeze, METH_NOARGS, NULL},
    {"columns", table_columns, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef table_properties[] = {{"size", table_size, NULL, NULL, NULL}, {0}};
static PyType_Slot table_slots[] = {
    {Py_tp_doc, "Rows added up, by what they mean in a book."},
    {Py_tp_init, table_init},
    {Py_tp_dealloc, table_dealloc},
    {Py_tp_methods, table_methods},
    {Py_tp_getset, table_properties},
    {Py_mp_length, table_length},
    {0, NULL},
};
static PyType_Spec book_spec = {"flarego.native._core.Book", sizeof(struct book_object), 0, Py_TPFLAGS_DEFAULT,
                                book_slots};
static PyType_Spec numbers_spec = {"flarego.native._core.Numbers", sizeof(struct numbers_object), 0, Py_TPFLAGS_DEFAULT,
                                   numbers_slots};
static PyType_Spec table_spec = {"flarego.native._core.RowTable", sizeof(struct table_object), 0, Py_TPFLAGS_DEFAULT,
                                 table_slots};

int fg_bind_book(PyObject *module) {
    book_type = (PyTypeObject *)PyType_FromSpec(&book_spec);
    numbers_type = (PyTypeObject *)PyType_FromSpec(&numbers_spec);
    table_type = (PyTypeObject *)PyType_FromSpec(&table_spec);
    if (!book_type || !numbers_type || !table_type)
        return -1;
    return PyModule_AddObjectRef(module, "Book", (PyObject *)book_type) ||
                   PyModule_AddObjectRef(module, "Numbers", (PyObject *)numbers_type) ||
                   PyModule_AddObjectRef(module, "RowTable", (PyObject *)table_type)
               ? -1
               : 0;
}
