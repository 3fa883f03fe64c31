// virtio-fs: FUSE requests with their answers.
// Sources: virtio specification, "File System Device"; Linux UAPI, linux/fuse.h (7.38).
#include "vutrace/virtio/devices/file_system.h"

#include "errno_names.h"
#include "table.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array open_modes{
    ValueName{01, "O_WRONLY"},        ValueName{02, "O_RDWR"},           ValueName{0100, "O_CREAT"},
    ValueName{0200, "O_EXCL"},        ValueName{0400, "O_NOCTTY"},       ValueName{01000, "O_TRUNC"},
    ValueName{02000, "O_APPEND"},     ValueName{04000, "O_NONBLOCK"},    ValueName{010000, "O_DSYNC"},
    ValueName{040000, "O_DIRECT"},    ValueName{0100000, "O_LARGEFILE"}, ValueName{0200000, "O_DIRECTORY"},
    ValueName{0400000, "O_NOFOLLOW"}, ValueName{01000000, "O_NOATIME"},  ValueName{02000000, "O_CLOEXEC"},
    ValueName{04000000, "O_SYNC"},    ValueName{010000000, "O_PATH"},
};
constexpr std::array attributes_set{
    ValueName{1U << 0U, "MODE"},      ValueName{1U << 1U, "UID"},       ValueName{1U << 2U, "GID"},
    ValueName{1U << 3U, "SIZE"},      ValueName{1U << 4U, "ATIME"},     ValueName{1U << 5U, "MTIME"},
    ValueName{1U << 6U, "FH"},        ValueName{1U << 7U, "ATIME_NOW"}, ValueName{1U << 8U, "MTIME_NOW"},
    ValueName{1U << 9U, "LOCKOWNER"}, ValueName{1U << 10U, "CTIME"},    ValueName{1U << 11U, "KILL_SUIDGID"},
};
constexpr std::array lock_types{ValueName{0, "F_RDLCK"}, ValueName{1, "F_WRLCK"}, ValueName{2, "F_UNLCK"}};
constexpr std::array entry_types{
    ValueName{0, "DT_UNKNOWN"}, ValueName{1, "DT_FIFO"}, ValueName{2, "DT_CHR"},  ValueName{4, "DT_DIR"},
    ValueName{6, "DT_BLK"},     ValueName{8, "DT_REG"},  ValueName{10, "DT_LNK"}, ValueName{12, "DT_SOCK"},
};

constexpr std::array header{
    padding(4),  // the length of the request: that of the chain says the same
    selector(4),
    u64("unique", "number of the request"),
    u64("nodeid", "inode that it is about"),
    details(u32("uid")),
    details(u32("gid")),
    details(u32("pid")),
    padding(4),
};
constexpr FieldInfo status{.name = "status",
                           .kind = FieldKind::name,
                           .form = Form::negative_errno,
                           .size = 4,
                           .values = errno_names,
                           .code = "status_code",
                           .meaning = "the device's answer"};
constexpr std::array answer_header{padding(4), status,
                                   details(u64("answered_unique", "number of the request that the answer names"))};

constexpr FieldInfo hole = padding(4);
constexpr FieldInfo handle = u64("fh", "handle of the open file");
constexpr FieldInfo offset = u64("offset"), size = u32("size", "bytes"), long_size = u64("size", "bytes");
constexpr FieldInfo mode = details(u32("mode")), umask = details(u32("umask"));
constexpr FieldInfo open_flags = flags("flags", 4, open_modes);
constexpr FieldInfo plain_flags = unless_zero(hex("flags", 4));
constexpr FieldInfo lock_owner = details(hex("lock_owner", 8));
constexpr FieldInfo name = text("name");
constexpr FieldInfo new_name = text("new_name");
constexpr FieldInfo length = length_of_rest("length", "bytes of data");

constexpr std::array name_only{name};
constexpr std::array forget{u64("nlookup")};
constexpr std::array get_attributes{plain_flags, hole, details(handle)};
constexpr std::array set_attributes{
    flags("valid", 4, attributes_set, "what is set"),
    hole,
    details(handle),
    details(long_size),
    lock_owner,
    details(u64("atime")),
    details(u64("mtime")),
    details(u64("ctime")),
    padding(12),
    mode,
    hole,
    details(u32("new_uid")),
    details(u32("new_gid")),
    hole,
};
constexpr std::array symlink{name, text("link_target")};
constexpr std::array make_node{mode, details(u32("rdev")), umask, hole, name};
constexpr std::array make_directory{mode, umask, name};
constexpr std::array rename{u64("newdir", "inode of the folder it goes to"), name, new_name};
constexpr std::array rename_2{u64("newdir", "inode of the folder it goes to"), plain_flags, hole, name, new_name};
constexpr std::array link{u64("oldnodeid"), name};
constexpr std::array open_file{open_flags, details(hex("open_flags", 4))};
constexpr std::array read_file{handle, offset, size, details(hex("read_flags", 4)), lock_owner, details(open_flags),
                               hole};
constexpr std::array write_file{
    handle, offset, size, details(hex("write_flags", 4)), lock_owner, details(open_flags), hole, details(length)};
constexpr std::array release{handle, details(open_flags), details(hex("release_flags", 4)), lock_owner};
constexpr std::array synchronise{handle, unless_zero(hex("fsync_flags", 4)), hole};
constexpr std::array set_attribute{size, plain_flags, name};
constexpr std::array set_attribute_extended{size, plain_flags, unless_zero(hex("setxattr_flags", 4)), hole, name};
constexpr std::array get_attribute{size, hole, name};
constexpr std::array list_attributes{size, hole};
constexpr std::array flush{handle, padding(8), lock_owner};
constexpr std::array initialise{u32("major"), u32("minor"), details(u32("max_readahead")), hex("flags", 4)};
constexpr std::array lock{handle,
                          lock_owner,
                          u64("start"),
                          u64("end"),
                          named("lock", "lock_code", 4, lock_types),
                          u32("lock_pid"),
                          details(hex("lk_flags", 4)),
                          hole};
constexpr std::array access{hex("mask", 4), hole};
constexpr std::array create{open_flags, mode, umask, details(hex("open_flags", 4)), name};
constexpr std::array interrupt{u64("interrupted", "number of the request that is to end")};
constexpr std::array map_block{u64("block"), u32("blocksize"), hole};
constexpr std::array control{handle,         plain_flags,    hex("cmd", 4), details(hex("argument", 8)),
                             u32("in_size"), u32("out_size")};
constexpr std::array poll{handle, u64("kh"), plain_flags, hex("poll_events", 4)};
constexpr std::array notify_reply{padding(8), offset, size, padding(20)};
constexpr std::array forgotten{u64("nodeid"), u64("nlookup")};
constexpr std::array batch_forget{u32("count"), hole, list("forgets", forgotten, "count")};
constexpr std::array allocate{handle, offset, u64("bytes"), mode, hole};
constexpr std::array seek{handle, offset, u32("whence"), hole};
constexpr std::array copy_range{handle,
                                offset,
                                u64("nodeid_out"),
                                u64("fh_out"),
                                u64("offset_out"),
                                u64("bytes"),
                                unless_zero(hex("copy_flags", 8))};
constexpr std::array map_file{handle, offset, u64("bytes"), hex("map_flags", 8),
                              u64("moffset", "in the shared memory")};
constexpr std::array mapping{u64("moffset"), u64("bytes")};
constexpr std::array unmap_file{u32("count"), list("mappings", mapping, "count")};
constexpr std::array synchronise_all{padding(8)};

constexpr std::array attribute_parts{
    u64("ino"),
    long_size,
    details(u64("blocks")),
    details(u64("atime")),
    details(u64("mtime")),
    details(u64("ctime")),
    padding(12),
    mode,
    details(u32("nlink")),
    details(u32("uid")),
    details(u32("gid")),
    details(u32("rdev")),
    details(u32("blksize")),
    padding(4),
};
constexpr FieldInfo attributes = group("attributes", attribute_parts);
constexpr FieldInfo entry_node = u64("nodeid", "inode that the name has"), generation = details(u64("generation"));
constexpr std::array entry{entry_node, generation, padding(24), attributes};
constexpr std::array attribute_answer{padding(16), attributes};
constexpr FieldInfo opened = details(hex("open_flags", 4));
constexpr std::array open_answer{handle, opened, hole};
constexpr std::array create_answer{entry_node, generation, padding(24), attributes, handle, opened, hole};
constexpr std::array target{text_of_rest("link_target")};
constexpr std::array data{length};
constexpr std::array written{size, hole};
constexpr std::array statistics{u64("blocks"), u64("bfree"),   u64("bavail"), u64("files"), u64("ffree"),
                                u32("bsize"),  u32("namelen"), u32("frsize"), padding(28)};
constexpr std::array initialised{u32("major"), u32("minor"), details(u32("max_readahead")), hex("flags", 4)};
constexpr std::array initialised_more{details(u16("max_background")), details(u16("congestion_threshold")),
                                      u32("max_write")};
constexpr std::array initialised_all{initialised[0],      initialised[1],      initialised[2],     initialised[3],
                                     initialised_more[0], initialised_more[1], initialised_more[2]};
constexpr std::array locked{u64("start"), u64("end"), named("lock", "lock_code", 4, lock_types), u32("lock_pid")};
constexpr std::array block_number{u64("block")};
constexpr std::array controlled{u32("result"), plain_flags, u32("in_iovs"), u32("out_iovs")};
constexpr std::array polled{hex("revents", 4), hole};
constexpr std::array sought{offset};
constexpr std::array folder_entry{u64("ino"),
                                  details(u64("next", "offset of the next one")),
                                  details(u32("namelen")),
                                  details(named("entry_type", "entry_type_code", 4, entry_types)),
                                  counted_text("name", "namelen"),
                                  alignment(8)};
constexpr std::array folder{details(list("entries", folder_entry))};
constexpr std::array folder_entry_plus{entry_node,      generation,      padding(24),     attributes,
                                       folder_entry[0], folder_entry[1], folder_entry[2], folder_entry[3],
                                       folder_entry[4], alignment(8)};
constexpr std::array folder_plus{details(list("entries", folder_entry_plus))};

constexpr std::array requests{
    RequestRow{1, "LOOKUP", name_only, entry},
    RequestRow{file_system::FORGET, "FORGET", forget},
    RequestRow{3, "GETATTR", get_attributes, attribute_answer},
    RequestRow{4, "SETATTR", set_attributes, attribute_answer},
    RequestRow{5, "READLINK", {}, target},
    RequestRow{6, "SYMLINK", symlink, entry},
    RequestRow{8, "MKNOD", make_node, entry},
    RequestRow{9, "MKDIR", make_directory, entry},
    RequestRow{10, "UNLINK", name_only},
    RequestRow{11, "RMDIR", name_only},
    RequestRow{12, "RENAME", rename},
    RequestRow{13, "LINK", link, entry},
    RequestRow{14, "OPEN", open_file, open_answer},
    RequestRow{15, "READ", read_file, data},
    RequestRow{16, "WRITE", write_file, written},
    RequestRow{17, "STATFS", {}, statistics},
    RequestRow{18, "RELEASE", release},
    RequestRow{20, "FSYNC", synchronise},
    RequestRow{21, "SETXATTR", set_attribute},
    RequestRow{22, "GETXATTR", get_attribute, data},
    RequestRow{23, "LISTXATTR", list_attributes, data},
    RequestRow{24, "REMOVEXATTR", name_only},
    RequestRow{25, "FLUSH", flush},
    RequestRow{file_system::INIT, "INIT", initialise, initialised_all},
    RequestRow{27, "OPENDIR", open_file, open_answer},
    RequestRow{28, "READDIR", read_file, folder},
    RequestRow{29, "RELEASEDIR", release},
    RequestRow{30, "FSYNCDIR", synchronise},
    RequestRow{31, "GETLK", lock, locked},
    RequestRow{32, "SETLK", lock},
    RequestRow{33, "SETLKW", lock},
    RequestRow{34, "ACCESS", access},
    RequestRow{35, "CREATE", create, create_answer},
    RequestRow{file_system::INTERRUPT, "INTERRUPT", interrupt},
    RequestRow{37, "BMAP", map_block, block_number},
    RequestRow{38, "DESTROY"},
    RequestRow{39, "IOCTL", control, controlled},
    RequestRow{40, "POLL", poll, polled},
    RequestRow{file_system::NOTIFY_REPLY, "NOTIFY_REPLY", notify_reply},
    RequestRow{file_system::BATCH_FORGET, "BATCH_FORGET", batch_forget},
    RequestRow{43, "FALLOCATE", allocate},
    RequestRow{44, "READDIRPLUS", read_file, folder_plus},
    RequestRow{45, "RENAME2", rename_2},
    RequestRow{46, "LSEEK", seek, sought},
    RequestRow{47, "COPY_FILE_RANGE", copy_range, written},
    RequestRow{48, "SETUPMAPPING", map_file},
    RequestRow{49, "REMOVEMAPPING", unmap_file},
    RequestRow{50, "SYNCFS", synchronise_all},
    RequestRow{51, "TMPFILE", create, create_answer},
    RequestRow{52, "STATX"},
    RequestRow{53, "COPY_FILE_RANGE_64", copy_range, sought},
};
constexpr std::uint64_t set_attribute_code = 21;

// The driver chose its own byte order. Operation codes are small: the other order has zeros in the lower half.
bool is_swapped(ByteView request) noexcept {
    constexpr std::size_t opcode_offset = 4;
    const auto opcode = load<std::uint32_t>(request, opcode_offset);
    return opcode != 0 && (opcode & 0xffffU) == 0;
}

// SETXATTR_EXT was agreed on in INIT, which may not be in the trace: what fits the length of the request is meant.
Layout layout_of(const RequestRow& row, const LayoutReader& reader) {
    if (row.code != set_attribute_code) {
        return row.request;
    }
    constexpr std::size_t short_size = 8;
    const ByteView rest = reader.peek(SIZE_MAX);
    const auto end = std::find(rest.begin() + static_cast<std::ptrdiff_t>(std::min(short_size, rest.size())),
                               rest.end(), std::byte{0});
    const auto name_end = static_cast<std::uint64_t>(end - rest.begin()) + 1;
    const bool fits = name_end + load<std::uint32_t>(rest) == reader.remaining();
    return fits ? Layout(set_attribute) : Layout(set_attribute_extended);
}

void decode_fuse(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain,
                 QueueMemory& /*memory*/, RequestBuilder& out) {
    const bool swapped = is_swapped(chain.readable.bytes);
    LayoutReader reader(chain.readable, "request", out);
    reader.set_rows(table.rows);
    if (swapped) {
        reader.swap_bytes();
    }
    const bool whole = reader.read(table.header);
    const RequestRow* row = reader.row();
    if (whole && row != nullptr) {
        (void)reader.read(layout_of(*row, reader));
    }
    decode_answer(table, row, chain, swapped, out);
}

constexpr std::array notified_poll{u64("kh")};
constexpr std::array notified_inode{u64("ino"), u64("offset"), u64("bytes")};
constexpr std::array notified_entry{u64("parent"), details(u32("namelen")), plain_flags, name};
constexpr std::array notified_store{u64("nodeid"), offset, size, hole};
constexpr std::array notified_retrieve{u64("notify_unique"), u64("nodeid"), offset, size, hole};
constexpr std::array notified_delete{u64("parent"), u64("child"), details(u32("namelen")), hole, name};
// An answer without a request: its error says what it is.
constexpr std::array notification_header{padding(4), selector(4), padding(8)};
constexpr std::array notifications{
    RequestRow{1, "NOTIFY_POLL", notified_poll},         RequestRow{2, "NOTIFY_INVAL_INODE", notified_inode},
    RequestRow{3, "NOTIFY_INVAL_ENTRY", notified_entry}, RequestRow{4, "NOTIFY_STORE", notified_store},
    RequestRow{5, "NOTIFY_RETRIEVE", notified_retrieve}, RequestRow{6, "NOTIFY_DELETE", notified_delete},
};

constexpr std::array queues{
    RequestTable{.role = "notification", .by_device = true, .header = notification_header, .rows = notifications},
    RequestTable{.header = header,
                 .rows = requests,
                 .answer_header = answer_header,
                 .decode = decode_fuse,
                 .more = set_attribute_extended},
};

}  // namespace

constinit const DeviceTable file_system_device{file_system::device_id, queues};

}  // namespace vutrace::virtio
