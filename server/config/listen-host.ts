/**
 * `server-host` and `admin-server-host` as an address to listen at.
 */

/** What `net.Server.listen` takes. */
export interface ListenHost {
  readonly host: string;
  /** Refuse IPv4 on an IPv6 address. */
  readonly ipv6Only: boolean;
}

/**
 * The address that a host setting means: `!4` every IPv4 address, `!6` every IPv6 address, `*`, `*4`, `*6` both
 * (one socket serves both, so that a preference has nothing to decide); anything else is a name or an address.
 */
export function listenHost(setting: string): ListenHost {
  switch (setting) {
    case '!4':
      return { host: '0.0.0.0', ipv6Only: false };
    case '!6':
      return { host: '::', ipv6Only: true };
    case '*':
    case '*4':
    case '*6':
      return { host: '::', ipv6Only: false };
    default:
      return { host: setting.replace(/^\[(.*)\]$/, '$1'), ipv6Only: false };
  }
}
