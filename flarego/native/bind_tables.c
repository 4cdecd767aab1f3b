#include "_core.h"

#include <errno.h>
#include <string.h>

PyTypeObject *fg_tables_type;
static PyTypeObject *function_type;

static PyStructSequence_Field function_fields[] = {
    {"entry", NULL},     {"end", NULL},        {"address", NULL}, {"module", NULL}, {"name_offset", NULL}, {"pcsp", NULL},
    {"pcfile", NULL},    {"pcln", NULL},       {"cu_offset", NULL}, {"start_line", NULL}, {"func_id", NULL}, {"flag", NULL},
    {"n_pcdata", NULL},  {"n_funcdata", NULL}, {NULL, NULL},
};
static PyStructSequence_Desc function_desc = {"flarego.native._core.Function", "One entry of Go's function table.",
                                              function_fields, 14};

static PyObject *function_to_python(const struct fg_func *f) {
    PyObject *o = PyStructSequence_New(function_type);
    if (!o)
        return NULL;
    const long long values[] = {(long long)f->entry, (long long)f->end, (long long)f->address, f->module, f->name_offset,
                                f->pcsp, f->pcfile, f->pcln, f->cu_offset, f->start_line, f->func_id, f->flag,
                                f->n_pcdata, f->n_funcdata};
    for (int i = 0; i < 14; i++)
        PyStructSequence_SetItem(o, i, i < 3 ? PyLong_FromUnsignedLongLong((unsigned long long)values[i])
                                             : PyLong_FromLongLong(values[i]));
    if (PyErr_Occurred()) {
        Py_DECREF(o);
        return NULL;
    }
    return o;
}

static int function_from_python(PyObject *o, struct fg_func *out) {
    if (!PyObject_TypeCheck(o, function_type)) {
        PyErr_SetString(PyExc_TypeError, "a Function is needed");
        return -1;
    }
    unsigned long long v[14];
    for (int i = 0; i < 14; i++)
        v[i] = PyLong_AsUnsignedLongLongMask(PyStructSequence_GetItem(o, i));
    if (PyErr_Occurred())
        return -1;
    *out = (struct fg_func){.entry = v[0], .end = v[1], .address = v[2], .module = (uint32_t)v[3],
                            .name_offset = (int32_t)v[4], .pcsp = (uint32_t)v[5], .pcfile = (uint32_t)v[6],
                            .pcln = (uint32_t)v[7], .cu_offset = (uint32_t)v[8], .start_line = (int32_t)v[9],
                            .func_id = (uint8_t)v[10], .flag = (uint8_t)v[11], .n_pcdata = (uint32_t)v[12],
                            .n_funcdata = (uint8_t)v[13]};
    return 0;
}

static int parse_module(PyObject *item, struct fg_module *out) {
    unsigned long long v[12];
    unsigned char quantum;
    if (!PyArg_ParseTuple(item, "KKKKKKKKKKKKb", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9],
                          &v[10], &v[11], &quantum))
        return -1;
    *out = (struct fg_module){v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], quantum};
    return 0;
}

static int tables_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"memory", "modules", NULL};
    PyObject *memory, *list;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O", names, fg_memory_type, &memory, &list))
        return -1;
    struct tables_object *o = (struct tables_object *)self;
    if (o->memory) {
        PyErr_SetString(PyExc_TypeError, "already initialised");
        return -1;
    }
    struct fg_module modules[FG_MAX_MODULES];
    Py_ssize_t n = PySequence_Size(list);
    if (n < 0)
        return -1;
    for (Py_ssize_t i = 0; i < n && i < FG_MAX_MODULES; i++) {
        PyObject *item = PySequence_GetItem(list, i);
        int err = item ? parse_module(item, &modules[i]) : -1;
        Py_XDECREF(item);
        if (err)
            return -1;
    }
    int err = fg_tables_init(&o->tables, &((struct memory_object *)memory)->memory, modules, (size_t)n);
    if (err) {
        PyErr_SetString(PyExc_ValueError, "the module's function table is malformed");
        return -1;
    }
    o->memory = (struct memory_object *)Py_NewRef(memory);
    return 0;
}

static void tables_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    struct tables_object *o = (struct tables_object *)self;
    fg_tables_deinit(&o->tables);
    Py_XDECREF((PyObject *)o->memory);
    PyObject_Free(self);
    Py_DECREF(type);
}

// The tables of this object, or NULL with an exception when it was never initialised.
static struct fg_tables *tables_of(PyObject *self) {
    struct tables_object *o = (struct tables_object *)self;
    if (!o->memory)
        PyErr_SetString(PyExc_TypeError, "Tables was not initialised");
    return o->memory ? &o->tables : NULL;
}

static PyObject *malformed(void) {
    PyErr_SetString(PyExc_ValueError, "malformed function table");
    return NULL;
}

static PyObject *tables_find(PyObject *self, PyObject *pc_object) {
    struct fg_tables *t = tables_of(self);
    unsigned long long pc = PyLong_AsUnsignedLongLong(pc_object);
    if (!t || PyErr_Occurred())
        return NULL;
    struct fg_func f;
    int err = fg_func_find(t, pc, &f);
    if (err == -ENOENT)
        Py_RETURN_NONE;
    return err ? malformed() : function_to_python(&f);
}

static PyObject *tables_value(PyObject *self, PyObject *args) {
    struct fg_tables *t = tables_of(self);
    PyObject *function;
    unsigned int offset;
    unsigned long long pc;
    struct fg_func f;
    if (!t || !PyArg_ParseTuple(args, "OIK", &function, &offset, &pc) || function_from_python(function, &f))
        return NULL;
    int32_t value;
    int err = fg_pcvalue(t, &f, offset, pc, &value);
    if (err == -ENOENT)
        Py_RETURN_NONE;
    return err ? malformed() : PyLong_FromLong(value);
}

static PyObject *tables_pcdata(PyObject *self, PyObject *args) {
    struct fg_tables *t = tables_of(self);
    PyObject *function;
    unsigned int index;
    unsigned long long pc;
    struct fg_func f;
    if (!t || !PyArg_ParseTuple(args, "OIK", &function, &index, &pc) || function_from_python(function, &f))
        return NULL;
    int32_t value;
    return fg_pcdata(t, &f, index, pc, &value) ? malformed() : PyLong_FromLong(value);
}

static PyObject *tables_funcdata(PyObject *self, PyObject *args) {
    struct fg_tables *t = tables_of(self);
    PyObject *function;
    unsigned int index;
    struct fg_func f;
    if (!t || !PyArg_ParseTuple(args, "OI", &function, &index) || function_from_python(function, &f))
        return NULL;
    uint64_t address;
    return fg_funcdata(t, &f, index, &address) ? malformed() : PyLong_FromUnsignedLongLong(address);
}

static PyObject *tables_functions(PyObject *self, PyObject *index_object) {
    struct fg_tables *t = tables_of(self);
    size_t index = PyLong_AsSize_t(index_object);
    if (!t || PyErr_Occurred())
        return NULL;
    if (index >= t->n_modules) {
        PyErr_SetString(PyExc_IndexError, "no such module");
        return NULL;
    }
    const struct fg_module *mod = &t->modules[index];
    PyObject *entries = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(mod->n_ftab * 8));
    PyObject *names = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(mod->n_ftab * 4));
    int err = 0;
    if (entries && names) {
        char *to_entry = PyBytes_AsString(entries), *to_name = PyBytes_AsString(names);
        struct fg_func f;
        for (uint64_t i = 0; i < mod->n_ftab && !err; i++) {
            err = fg_func_at(t, mod, i, &f);
            memcpy(to_entry + i * 8, &f.entry, 8);
            memcpy(to_name + i * 4, &f.name_offset, 4);
        }
    }
    PyObject *result = entries && names ? (err ? malformed() : PyTuple_Pack(2, entries, names)) : NULL;
    Py_XDECREF(entries);
    Py_XDECREF(names);
    return result;
}

static const char *const special_names[FG_SPECIAL_COUNT] = {
    [FG_SPECIAL_SEMACQUIRE] = "runtime.semacquire1",
    [FG_SPECIAL_NOTIFY_WAIT] = "sync.runtime_notifyListWait",
    [FG_SPECIAL_POLL_WAIT] = "internal/poll.runtime_pollWait",
    [FG_SPECIAL_CGOCALLBACK] = "runtime.cgocallback",
    [FG_SPECIAL_SIGPANIC] = "runtime.sigpanic",
    [FG_SPECIAL_GOEXIT] = "runtime.goexit",
};

static PyObject *tables_set_special(PyObject *self, PyObject *args) {
    struct fg_tables *t = tables_of(self);
    const char *name;
    unsigned long long entry;
    if (!t || !PyArg_ParseTuple(args, "sK", &name, &entry))
        return NULL;
    for (unsigned i = 1; i < FG_SPECIAL_COUNT; i++)
        if (strcmp(name, special_names[i]) == 0) {
            fg_tables_set_special(t, i, entry);
            Py_RETURN_NONE;
        }
    PyErr_Format(PyExc_KeyError, "%s", name);
    return NULL;
}

static PyMethodDef methods[] = {
    {"find", tables_find, METH_O, NULL},
    {"value", tables_value, METH_VARARGS, NULL},
    {"pcdata", tables_pcdata, METH_VARARGS, NULL},
    {"funcdata", tables_funcdata, METH_VARARGS, NULL},
    {"functions", tables_functions, METH_O, NULL},
    {"set_special", tables_set_special, METH_VARARGS, NULL},
    {0},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "Go's function tables of all modules of a binary."},
    {Py_tp_init, tables_init},
    {Py_tp_dealloc, tables_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};
static PyType_Spec spec = {"flarego.native._core.Tables", sizeof(struct tables_object), 0, Py_TPFLAGS_DEFAULT, slots};

int fg_bind_tables(PyObject *module) {
    fg_tables_type = (PyTypeObject *)PyType_FromSpec(&spec);
    function_type = PyStructSequence_NewType(&function_desc);
    PyObject *special = PyDict_New();
    if (!fg_tables_type || !function_type || !special)
        return -1;
    for (unsigned i = 1; i < FG_SPECIAL_COUNT; i++) {
        PyObject *number = PyLong_FromUnsignedLong(i);
        if (!number || PyDict_SetItemString(special, special_names[i], number))
            return -1;
        Py_DECREF(number);
    }
    return PyModule_AddObjectRef(module, "Tables", (PyObject *)fg_tables_type) ||
                   PyModule_AddObjectRef(module, "Function", (PyObject *)function_type) ||
                   PyModule_AddObjectRef(module, "SPECIAL_FUNCTIONS", special)
               ? -1
               : 0;
}
