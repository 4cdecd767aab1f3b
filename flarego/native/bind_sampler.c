#include "_core.h"

#include <errno.h>
#include <string.h>

struct sampler_object {
    PyObject_HEAD
    struct memory_object *memory;
    struct fg_sampler *sampler;
    bool started;
};

static const struct {
    const char *name;
    size_t offset;
} layout_fields[] = {
#define X(field, name) {name, offsetof(struct fg_layout, field)},
    FG_LAYOUT_FIELDS(X)
#undef X
};
enum { N_LAYOUT_FIELDS = sizeof(layout_fields) / sizeof(*layout_fields) };
static const char *const engine_names[] = {"auto", "perf", "ptrace", "memory"};
static const char *const state_names[FG_N_STATES + 1] = {"running",   "runnable", "syscall", "waiting",
                                                         "preempted", "other",    "system"};

static int parse_layout(PyObject *mapping, struct fg_layout *out) {
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < N_LAYOUT_FIELDS; i++) {
        PyObject *value = PyMapping_GetItemString(mapping, layout_fields[i].name);
        if (!value)
            return -1;
        uint64_t number = PyLong_AsUnsignedLongLong(value);
        Py_DECREF(value);
        if (PyErr_Occurred())
            return -1;
        memcpy((char *)out + layout_fields[i].offset, &number, sizeof(number));
    }
    return 0;
}

static int parse_engine(const char *name, enum fg_engine *out) {
    for (unsigned i = 0; i < sizeof(engine_names) / sizeof(*engine_names); i++)
        if (strcmp(name, engine_names[i]) == 0) {
            *out = (enum fg_engine)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "no engine named %s", name);
    return -1;
}

static int sampler_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"memory", "tables", "layout", "budget", "scan_hz", "oncpu_hz", "engine", NULL};
    PyObject *memory, *tables, *mapping;
    struct fg_options options = {.budget = 0.01};
    const char *engine = "auto";
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O|ddds", names, fg_memory_type, &memory, fg_tables_type, &tables,
                                     &mapping, &options.budget, &options.scan_hz, &options.oncpu_hz, &engine))
        return -1;
    struct sampler_object *o = (struct sampler_object *)self;
    struct fg_layout layout;
    if (o->sampler || ((struct tables_object *)tables)->memory == NULL) {
        PyErr_SetString(PyExc_TypeError, o->sampler ? "already initialised" : "Tables was not initialised");
        return -1;
    }
    if (parse_layout(mapping, &layout) || parse_engine(engine, &options.engine))
        return -1;
    int err = fg_sampler_create(&o->sampler, &((struct memory_object *)memory)->memory,
                                &((struct tables_object *)tables)->tables, &layout, &options);
    if (err == -EINVAL) {
        PyErr_SetString(PyExc_ValueError, "a g offset of the layout is out of range");
        return -1;
    }
    if (err) {
        fg_raise(err);
        return -1;
    }
    o->memory = (struct memory_object *)Py_NewRef(memory);
    return 0;
}

static void sampler_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    struct sampler_object *o = (struct sampler_object *)self;
    if (o->sampler) {
        Py_BEGIN_ALLOW_THREADS
        fg_sampler_destroy(o->sampler);
        Py_END_ALLOW_THREADS
    }
    Py_XDECREF((PyObject *)o->memory);
    PyObject_Free(self);
    Py_DECREF(type);
}

static struct fg_sampler *sampler_of(PyObject *self) {
    struct sampler_object *o = (struct sampler_object *)self;
    if (!o->sampler)
        PyErr_SetString(PyExc_TypeError, "Sampler was not initialised");
    return o->sampler;
}

static bool busy(PyObject *self) {
    bool started = ((struct sampler_object *)self)->started;
    if (started)
        PyErr_SetString(PyExc_RuntimeError, "the sampler is running");
    return started;
}

static PyObject *sampler_set_system(PyObject *self, PyObject *starts) {
    struct fg_sampler *s = sampler_of(self);
    Py_buffer view;
    if (!s || busy(self) || PyObject_GetBuffer(starts, &view, PyBUF_SIMPLE))
        return NULL;
    int err = fg_scanner_set_system(fg_sampler_scanner(s), view.buf, (size_t)view.len / 8);
    PyBuffer_Release(&view);
    if (err)
        return fg_raise(err);
    Py_RETURN_NONE;
}

static PyObject *sampler_start(PyObject *self, PyObject *unused) {
    (void)unused;
    struct fg_sampler *s = sampler_of(self);
    if (!s || busy(self))
        return NULL;
    int err = fg_sampler_start(s);
    if (err)
        return fg_raise(err);
    ((struct sampler_object *)self)->started = true;
    Py_RETURN_NONE;
}

static PyObject *sampler_stop(PyObject *self, PyObject *unused) {
    (void)unused;
    struct fg_sampler *s = sampler_of(self);
    if (!s)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    fg_sampler_stop(s);
    Py_END_ALLOW_THREADS
    ((struct sampler_object *)self)->started = false;
    Py_RETURN_NONE;
}

// ---- snapshot ----

static PyObject *pcs_to_tuple(const struct fg_stack *stack) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)stack->n);
    for (size_t i = 0; tuple && i < stack->n; i++) {
        PyObject *pc = PyLong_FromUnsignedLongLong(stack->pcs[i]);
        if (!pc) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SetItem(tuple, (Py_ssize_t)i, pc);
    }
    return tuple;
}

static int append_snapshot(void *context, const struct fg_snapshot *snap) {
    const struct fg_sight *g = &snap->sight;
    PyObject *pcs = pcs_to_tuple(&snap->stack);
    PyObject *o = !pcs ? NULL
                       : Py_BuildValue("{sK,sK,si,si,sK,sK,sK,sK,sK,sO,sK,sK,si,sK,sO,sn,sN}", "goid", g->goid, "address",
                                       snap->address, "status", g->status, "reason", g->reason, "wait_since",
                                       g->wait_since, "gopc", g->gopc, "startpc", g->startpc, "parent", g->parent,
                                       "labels", g->labels, "locked", g->lockedm ? Py_True : Py_False, "thread",
                                       snap->thread, "sleep_until", g->sleep_when, "wait_kind", snap->wait_kind,
                                       "wait_address", snap->wait_address, "complete",
                                       snap->stack.complete ? Py_True : Py_False, "walked",
                                       (Py_ssize_t)snap->stack.walked, "pcs", pcs);
    int err = o ? PyList_Append(context, o) : -1;
    Py_XDECREF(o);
    return err ? -EINTR : 0; // any negative value; the Python error is set
}

static PyObject *sampler_snapshot(PyObject *self, PyObject *unused) {
    (void)unused;
    struct fg_sampler *s = sampler_of(self);
    PyObject *list = s && !busy(self) ? PyList_New(0) : NULL;
    if (!list)
        return NULL;
    int err = fg_snapshot_all(fg_sampler_scanner(s), append_snapshot, list);
    if (!err)
        return list;
    Py_DECREF(list);
    return PyErr_Occurred() ? NULL : fg_raise(err);
}

// ---- drain ----

static PyObject *bytes_of(const struct fg_bytes *b) {
    return PyBytes_FromStringAndSize((const char *)b->data, (Py_ssize_t)b->size);
}

static PyObject *rows_of(const struct fg_columns *c) {
    return Py_BuildValue("{sN,sN,sN,sN,sN,sN,sN,sN,sN}", "node", bytes_of(&c->node), "group", bytes_of(&c->group), "state",
                         bytes_of(&c->state), "reason", bytes_of(&c->reason), "flags", bytes_of(&c->flags), "wall",
                         bytes_of(&c->wall), "cpu", bytes_of(&c->cpu), "count", bytes_of(&c->count), "wait",
                         bytes_of(&c->wait));
}

static PyObject *members_of(const struct fg_member_columns *c) {
    if (c->goid.size == 0 && c->left.size == 0)
        return PyDict_New();
    return Py_BuildValue("{sN,sN,sN,sN,sN,sN,sN,sN,sN}", "goid", bytes_of(&c->goid), "node", bytes_of(&c->node), "group",
                         bytes_of(&c->group), "state", bytes_of(&c->state), "reason", bytes_of(&c->reason), "flags",
                         bytes_of(&c->flags), "since", bytes_of(&c->since), "on", bytes_of(&c->on), "left",
                         bytes_of(&c->left));
}

static PyObject *waits_of(const struct fg_drain *d) {
    PyObject *list = PyList_New((Py_ssize_t)d->n_waits);
    for (size_t i = 0; list && i < d->n_waits; i++) {
        const struct fg_wait_object *w = &d->waits[i];
        PyObject *item = Py_BuildValue("(iKIKiI)", w->kind, w->address, w->count, w->longest_ns, w->reason, w->node);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SetItem(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *counts_of(const struct fg_drain *d) {
    PyObject *counts = PyDict_New();
    for (int i = 0; counts && i <= FG_N_STATES; i++) {
        PyObject *n = PyLong_FromUnsignedLongLong(d->counts[i]);
        if (!n || PyDict_SetItemString(counts, state_names[i], n))
            Py_CLEAR(counts);
        Py_XDECREF(n);
    }
    return counts;
}

static PyObject *sampler_of_drain(const struct fg_drain *d) {
    return Py_BuildValue(
        "{sd,sd,sd,sd,sd,sd,sK,sK,sK,sK,sK,sK,sK,sK,sK,sK,sK,sK,sK,sK,sK}", "scan_hz", d->rates.scan_hz, "oncpu_hz",
        d->engine == FG_ENGINE_MEMORY ? 0.0 : d->rates.oncpu_hz, "cpu", d->cpu, "other_cpu", d->rates.other_cpu,
        "scan_cost_ns", d->rates.scan_cost_ns, "sample_cost_ns", d->rates.sample_cost_ns, "scans", d->scan.scans, "changed",
        d->scan.changed, "stacks", d->scan.stacks, "torn", d->scan.torn, "unread", d->scan.unread, "samples",
        d->oncpu.samples, "lost", d->oncpu.lost, "unattributed", d->oncpu.unattributed, "unrepaired", d->oncpu.unrepaired,
        "threads", d->oncpu.threads, "uncovered", d->oncpu.uncovered, "stops", d->stops, "longest_stop",
        d->longest_stop_ns, "members", d->n_members, "members_of", d->n_living);
}

static PyObject *drain_to_python(const struct fg_drain *d) {
    const struct fg_definitions *defs = &d->definitions;
    return Py_BuildValue("{sK,sK,sN,sN,sN,sN,sN,sN,sN,sN,sN,ss,si,si,sO}", "start", d->start_ns, "end", d->end_ns, "locations",
                         bytes_of(&defs->locations), "nodes_parent", bytes_of(&defs->node_parents), "nodes_location",
                         bytes_of(&defs->node_locations), "groups", bytes_of(&defs->groups), "rows", rows_of(&d->rows),
                         "members", members_of(&d->members), "waits", waits_of(d), "counts", counts_of(d), "sampler", sampler_of_drain(d), "engine",
                         engine_names[d->engine], "perf_errno", -d->perf_error, "ptrace_errno", -d->ptrace_error,
                         "sees_kernel", d->sees_kernel ? Py_True : Py_False);
}

static PyObject *sampler_drain(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"new_generation", "epoch", NULL};
    struct fg_sampler *s = sampler_of(self);
    int new_generation = 0, err;
    unsigned long long epoch = 0;
    if (!s || !PyArg_ParseTupleAndKeywords(args, kwargs, "|pK", names, &new_generation, &epoch))
        return NULL;
    const struct fg_drain *drain;
    Py_BEGIN_ALLOW_THREADS
    err = fg_sampler_drain(s, new_generation, epoch, &drain);
    Py_END_ALLOW_THREADS
    return err ? fg_raise(err) : drain_to_python(drain);
}

static PyObject *sampler_labels(PyObject *self, PyObject *number) {
    struct fg_sampler *s = sampler_of(self);
    unsigned long set = PyLong_AsUnsignedLong(number);
    if (!s || PyErr_Occurred())
        return NULL;
    struct fg_bytes bytes = {0};
    int err = fg_sampler_labels(s, (uint32_t)set, &bytes);
    PyObject *result = err ? fg_raise(err) : bytes_of(&bytes);
    fg_bytes_free(&bytes);
    return result;
}

static PyMethodDef methods[] = {
    {"labels", sampler_labels, METH_O, NULL},
    {"set_system", sampler_set_system, METH_O, NULL},
    {"snapshot", sampler_snapshot, METH_NOARGS, NULL},
    {"start", sampler_start, METH_NOARGS, NULL},
    {"stop", sampler_stop, METH_NOARGS, NULL},
    {"drain", (PyCFunction)(void (*)(void))sampler_drain, METH_VARARGS | METH_KEYWORDS, NULL},
    {0},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "Watches one process from a thread of its own that never holds the GIL."},
    {Py_tp_init, sampler_init},
    {Py_tp_dealloc, sampler_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};
static PyType_Spec spec = {"flarego.native._core.Sampler", sizeof(struct sampler_object), 0, Py_TPFLAGS_DEFAULT, slots};

int fg_bind_sampler(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec), *fields = PyTuple_New(N_LAYOUT_FIELDS);
    if (!type || !fields)
        return -1;
    for (size_t i = 0; i < N_LAYOUT_FIELDS; i++)
        PyTuple_SetItem(fields, (Py_ssize_t)i, PyUnicode_FromString(layout_fields[i].name));
    if (PyErr_Occurred())
        return -1;
    return PyModule_AddObjectRef(module, "Sampler", type) || PyModule_AddObjectRef(module, "LAYOUT_FIELDS", fields) ? -1 : 0;
}
