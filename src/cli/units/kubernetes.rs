//! A `CronJob` of Kubernetes, and the claim of a volume for the ledger.

use super::{Service, lines};
use crate::cli::template::{comment, fill};

const CRON_JOB: &str = include_str!("mediamirror.yaml");

const CREDENTIALS: &str =
    "                # The files in it replace the files of the same name that the configuration names.
                - name: CREDENTIALS_DIRECTORY
                  value: /run/credentials/mediamirror
";

const MOUNT: &str = "                - name: credentials
                  mountPath: /run/credentials/mediamirror
                  readOnly: true
";

const VOLUME: &str = "            - name: credentials
              secret:
                secretName: {{name}}
                # For root and the group above.
                defaultMode: 0440
";

const VARIABLE: &str = "                - name: {}
                  valueFrom:
                    secretKeyRef:
                      name: {{name}}
                      key: {}
";

const POD_LABELS: &str = "            azure.workload.identity/use: \"true\"\n";

const SERVICE_ACCOUNT: &str = "          # The service account that the application in Entra ID trusts.
          serviceAccountName: CHANGE-ME
";

/// The file with its name.
pub(super) fn files(service: &Service) -> Vec<(String, String)> {
    let Service { name, config, ledger, .. } = service;
    let with_name = |text: &str| fill(text, &[("name", name)]);
    let if_files = |text: &str| if service.secrets.is_empty() { String::new() } else { with_name(text) };
    let if_identity = |text: &'static str| if service.workload_identity { text } else { "" };
    let variables = lines(service.variables.iter().map(String::as_str), &with_name(VARIABLE));
    let values = [
        ("name", name.as_str()),
        ("config", config),
        ("ledger", ledger),
        ("configMapFiles", &config_map_files(service)),
        ("createSecret", &create_secret(service)),
        ("credentials", &if_files(CREDENTIALS)),
        ("credentialsMount", &if_files(MOUNT)),
        ("credentialsVolume", &if_files(VOLUME)),
        ("variables", &variables),
        ("podLabels", if_identity(POD_LABELS)),
        ("serviceAccount", if_identity(SERVICE_ACCOUNT)),
    ];
    vec![(format!("{name}.yaml"), fill(CRON_JOB, &values))]
}

fn config_map_files(service: &Service) -> String {
    let config = format!(" --from-file={}", service.config);
    service.ca_file.iter().fold(config, |text, file| format!("{text} --from-file={}", file.path))
}

/// The command that stores the secrets. No secret is an argument, because other users of the machine can see arguments.
fn create_secret(service: &Service) -> String {
    let files = service.secrets.iter().map(|file| format!("--from-file={}", comment(&file.path)));
    let variables = service.variables.iter().map(|name| format!("--from-file={name}=<(printf %s \"${name}\")"));
    let all: Vec<String> = files.chain(variables).collect();
    if all.is_empty() {
        return String::new();
    }
    format!("#   kubectl create secret generic {} \\\n#     {}\n", service.name, all.join(" \\\n#     "))
}
