//! The system's error numbers by their symbolic names.

/// Declares the table: the names that the systems share, with this system's numbers.
macro_rules! errnos {
    ($($name:literal = $constant:ident,)*) => {
        #[cfg(unix)]
        static TABLE: &[(&str, rustix::io::Errno)] = &[$(($name, rustix::io::Errno::$constant),)*];

        /// The symbolic name of an error number, `ECONNREFUSED` say; `None` where it is in no table of ours.
        pub fn name(number: i32) -> Option<&'static str> {
            #[cfg(unix)]
            return TABLE.iter().find(|(_, errno)| errno.raw_os_error() == number).map(|(name, _)| *name);
            #[cfg(not(unix))]
            None.filter(|_: &&str| number == 0)
        }

        /// This system's number of a symbolic name.
        pub fn number(name: &str) -> Option<i32> {
            #[cfg(unix)]
            return TABLE.iter().find(|(known, _)| *known == name).map(|(_, errno)| errno.raw_os_error());
            #[cfg(not(unix))]
            None.filter(|_| name.is_empty())
        }

        /// All names that have a number here.
        #[cfg(test)]
        pub(super) fn names() -> impl Iterator<Item = &'static str> {
            [$($name),*].into_iter().filter(|name| number(name).is_some())
        }
    };
}

// What opening, reading and writing sockets can say.
errnos! {
    "EPERM" = PERM,
    "ENOENT" = NOENT,
    "EINTR" = INTR,
    "EIO" = IO,
    "EBADF" = BADF,
    "EAGAIN" = AGAIN,
    "ENOMEM" = NOMEM,
    "EACCES" = ACCESS,
    "EFAULT" = FAULT,
    "ENOTDIR" = NOTDIR,
    "EINVAL" = INVAL,
    "ENFILE" = NFILE,
    "EMFILE" = MFILE,
    "ENOSPC" = NOSPC,
    "EPIPE" = PIPE,
    "ELOOP" = LOOP,
    "ENAMETOOLONG" = NAMETOOLONG,
    "EPROTO" = PROTO,
    "EMSGSIZE" = MSGSIZE,
    "ENOTSOCK" = NOTSOCK,
    "EPROTOTYPE" = PROTOTYPE,
    "ENOPROTOOPT" = NOPROTOOPT,
    "EPROTONOSUPPORT" = PROTONOSUPPORT,
    "EOPNOTSUPP" = OPNOTSUPP,
    "EAFNOSUPPORT" = AFNOSUPPORT,
    "EADDRINUSE" = ADDRINUSE,
    "EADDRNOTAVAIL" = ADDRNOTAVAIL,
    "ENETDOWN" = NETDOWN,
    "ENETUNREACH" = NETUNREACH,
    "ENETRESET" = NETRESET,
    "ECONNABORTED" = CONNABORTED,
    "ECONNRESET" = CONNRESET,
    "ENOBUFS" = NOBUFS,
    "EISCONN" = ISCONN,
    "ENOTCONN" = NOTCONN,
    "ETIMEDOUT" = TIMEDOUT,
    "ECONNREFUSED" = CONNREFUSED,
    "EHOSTDOWN" = HOSTDOWN,
    "EHOSTUNREACH" = HOSTUNREACH,
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_number_of_its_own() {
        for known in names() {
            assert_eq!(number(known).and_then(name), Some(known));
        }
        assert_eq!(number("ECONNREFUSED"), Some(rustix::io::Errno::CONNREFUSED.raw_os_error()));
        assert_eq!((number("EFOO"), name(0), name(-1)), (None, None, None));
    }
}
