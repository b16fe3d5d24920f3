/** Options that mean nothing to a mount of ours, and are taken so that the words of others can stay as they are. */

/** fuse-overlayfs's and libfuse's tuning, and mount(8)'s words for fstab and for propagation. */
export const MEANINGLESS =
  'threaded plugins fast_ino fast_ino_check noxattrs ino32_t max_idle_threads max_threads cachedir clone_fd ' +
  'splice_read splice_write splice_move no_splice_read no_splice_write no_splice_move kernel_cache auto_cache ' +
  'direct_io big_writes max_read max_write max_readahead nonempty intr hard_remove ' +
  'defaults auto noauto user users nouser owner group nofail _netdev comment uhelper helper silent loud mand nomand ' +
  'relatime norelatime strictatime nostrictatime iversion noiversion ' +
  'private shared slave unbindable rprivate rshared rslave runbindable'
