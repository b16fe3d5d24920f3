{
  "targets": [
    {
      "target_name": "stratafs",
      "sources": [
        "src/module.cc",
        "src/owners-power.cc",
        "src/places.cc",
        "src/names.cc",
        "src/attributes.cc",
        "src/xattrs.cc",
        "src/directories.cc",
        "src/handles.cc",
        "src/files.cc",
        "src/copy.cc",
        "src/copy-prefetch.cc",
        "src/fill.cc",
        "src/fill-copier.cc",
        "src/fill-api.cc",
        "src/closing.cc",
        "src/prefetch.cc",
        "src/identity.cc",
        "src/mounting.cc",
        "src/mount-api.cc",
        "src/fusermount.cc",
        "src/notify.cc",
        "src/epoll.cc",
        "src/sync.cc",
        "src/usage.cc",
        "src/usage-walk.cc",
        "src/allocation.cc",
        "src/shared.cc",
        "src/guard.cc",
        "src/device.cc",
        "src/device-sync.cc",
        "src/device-class.cc"
      ],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Wunused-parameter", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17", "-fexceptions"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags!": ["-Wno-unused-parameter", "-O3"],
      "conditions": [["OS!='linux'", { "type": "none" }]]
    },
    {
      "target_name": "launch",
      "type": "executable",
      "sources": ["src/launch.c", "src/launch-daemon.c", "src/launch-host.c", "src/launch-keep.c",
        "src/launch-spare.c"],
      "defines": ["_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
      "cflags": ["-O2", "-Wall", "-Wextra"],
      "conditions": [["OS!='linux'", { "type": "none" }]]
    }
  ]
}
