// Azure Traffic Manager that answers DNS queries for one name with the host of A, or of B if A does not answer.
// Written by `mediamirror urls --format traffic-manager`.
//   A  {{sourceAccount}}: {{sourceHost}}
//   B  {{targetAccount}}: {{targetHost}}
//
// Apply it after a `mediamirror sync` that ended with 0, and before you need it:
//   az deployment group create --resource-group GROUP --template-file traffic-manager.bicep
// Traffic Manager changes to B by itself when the monitor of A fails; viewers follow within the TTL. To change by hand,
// exchange sourcePriority and targetPriority and apply it again.
//
// Traffic Manager changes DNS only: viewers ask both hosts for the name in their link. Both hosts must serve that name, with
// a certificate for it (custom host names of a streaming endpoint or a CDN). Otherwise use Front Door.
//
// Change: the names, and probePath, which must stay published on both sides. It is
// {{probeWhat}}.

@description('Name of the Traffic Manager profile.')
param profileName string = 'mediamirror'

@description('The first part of the name that viewers use: NAME.trafficmanager.net.')
param relativeName string = 'media-${uniqueString(resourceGroup().id)}'

@description('Host of the source, A.')
param sourceHost string = '{{sourceHost}}'

@description('Host of the target, B.')
param targetHost string = '{{targetHost}}'

@description('Viewers get the endpoint with the smaller number while it is healthy.')
@minValue(1)
@maxValue(1000)
param sourcePriority int = 1

@description('Viewers get the endpoint with the larger number while the other one is not healthy.')
@minValue(1)
@maxValue(1000)
param targetPriority int = 2

@description('Path that the monitor requests on both sides.')
param probePath string = '{{probePath}}'

@description('Seconds for which viewers keep an answer.')
param ttl int = 30

resource profile 'Microsoft.Network/trafficManagerProfiles@2022-04-01' = {
  name: profileName
  location: 'global'
  properties: {
    profileStatus: 'Enabled'
    trafficRoutingMethod: 'Priority'
    dnsConfig: {
      relativeName: relativeName
      ttl: ttl
    }
    monitorConfig: {
      protocol: '{{protocol}}'
      port: {{port}}
      path: probePath
      intervalInSeconds: 30
      timeoutInSeconds: 10
      toleratedNumberOfFailures: 3
    }
    endpoints: [
      {
        name: 'source'
        type: 'Microsoft.Network/trafficManagerProfiles/externalEndpoints'
        properties: {
          target: sourceHost
          endpointStatus: 'Enabled'
          priority: sourcePriority
        }
      }
      {
        name: 'target'
        type: 'Microsoft.Network/trafficManagerProfiles/externalEndpoints'
        properties: {
          target: targetHost
          endpointStatus: 'Enabled'
          priority: targetPriority
        }
      }
    ]
  }
}

@description('The name for viewers, or for the CNAME record of your own domain.')
output hostName string = profile.properties.dnsConfig.fqdn
