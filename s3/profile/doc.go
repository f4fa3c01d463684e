// Package profile finds the credentials and the endpoint of a project where its users already have them: in what allas-conf, lumio-conf and the
// stock S3 tools leave in a home directory. It reads files and the environment, writes nothing and has no state. It uses the network
// for one thing: the token of a web identity is exchanged for keys, once for each call that takes it.
//
// # Order
//
// [Find] takes the first that applies:
//
//  1. Flags. --anonymous: no keys at all. --profile NAME: the section of that name, in the order of the files below. --project P: the first
//     entry of the files that is known to be of that project, and only of that one. Both: an entry that is both.
//  2. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN). One without the other is an error. With --project they serve only if
//     OS_PROJECT_NAME, or a file with the same key, tells that they are of the project; with --profile they do not.
//  3. AWS_PROFILE (or AWS_DEFAULT_PROFILE): that section of the AWS files, and no other.
//  4. The project in force: OS_PROJECT_NAME, else os_project_name of ~/.allas_default. The first entry that is known to be of it.
//  5. What the tools use by default, file by file: [s3allas] of rclone.conf, [default] of the AWS files, ~/.s3cfg, the line of
//     ~/.passwd-s3fs without a bucket; where that is missing, the only entry of its file. When a project is in force, an entry known to be of
//     another project is passed over: nobody writes to a project that was not meant.
//
// # Files
//
//	rclone.conf                       $RCLONE_CONFIG, $XDG_CONFIG_HOME/rclone/ or ~/.config/rclone/, ~/.rclone.conf: the first that exists;
//	                                  sections of type s3
//	AWS                               ~/.aws/credentials ($AWS_SHARED_CREDENTIALS_FILE) and ~/.aws/config ($AWS_CONFIG_FILE), [x] in the one,
//	                                  [profile x] in the other; endpoint_url, also in a services section
//	                                  instead of keys a credential_process, or a web_identity_token_file with a role_arn
//	s3cmd                             $S3CMD_CONFIG, ~/.s3cfg, ~/.s3cfg_NAME, ~/.s3cfg-NAME; host_base and use_https
//	s3fs                              ~/.passwd-s3fs: KEY:SECRET and bucket:KEY:SECRET, one a line
//	.allas_default                    os_project_name=…, with or without export and quotes
//
// Names may be in upper or lower case, with or without spaces around the equals sign. A section's first fault is told by its line number, never by its
// text. A file that cannot be parsed counts as a whole as unread: as a warning if keys are found elsewhere, else in the [NotFoundError].
//
// # Whose keys they are
//
// An entry is known to be of a project if its section or file is named after it ([s3allas-project_2012345], [lumi-462000001-private],
// ~/.s3cfg_project_2012345, [allas_2012345]); or if its key is also that of such an entry; or if it is one of the three defaults that
// allas-conf rewrites ([s3allas], the AWS [default], ~/.s3cfg), leads to Allas, and ~/.allas_default names the project, unless an entry named
// after the project has another key.
//
// # Endpoint
//
// --endpoint; for keys from the environment and the AWS files AWS_ENDPOINT_URL_S3, then AWS_ENDPOINT_URL; what the entry says; the same two
// variables for the other files; https://lumidata.eu for entries with lumi in the name; https://a3s.fi. Without a scheme https is meant, or
// http where s3cmd's use_https says no. When --endpoint is given without a project or profile, and some entries lead there by themselves,
// the choice is among these.
//
// # Secrets
//
// A [Profile] prints and logs without its keys, whatever the verb, and marshals to JSON without them. Errors and warnings quote no line of a file. A
// file with keys that others can read is told in [Profile].Warnings.
package profile
