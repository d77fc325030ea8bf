// Azure Front Door that serves one host name from two media libraries: A, and B if A does not answer.
// Written by `mediamirror urls --format front-door`.
//   A  {{sourceAccount}}: {{sourceHost}}
//   B  {{targetAccount}}: {{targetHost}}
//
// Apply it after a `mediamirror sync` that ended with 0, and before you need it:
//   az deployment group create --resource-group GROUP --template-file front-door.bicep
// Front Door changes to B by itself when the health probes of A fail. To change by hand, exchange sourcePriority and
// targetPriority and apply it again.
//
// Change: the names, and probePath, which must stay published on both sides. It is
// {{probeWhat}}.
// For your own domain, add a Microsoft.Cdn/profiles/customDomains and name it in the route.

@description('Name of the Front Door profile.')
param profileName string = 'mediamirror'

@description('Standard or Premium.')
@allowed([
  'Standard_AzureFrontDoor'
  'Premium_AzureFrontDoor'
])
param skuName string = 'Standard_AzureFrontDoor'

@description('Name of the endpoint: the first part of the host name for viewers.')
param endpointName string = 'media-${uniqueString(resourceGroup().id)}'

@description('Host of the source, A.')
param sourceHost string = '{{sourceHost}}'

@description('Host of the target, B.')
param targetHost string = '{{targetHost}}'

@description('The origin with the smaller number serves while it is healthy.')
@minValue(1)
@maxValue(5)
param sourcePriority int = 1

@description('The origin with the larger number serves while the other one is not healthy.')
@minValue(1)
@maxValue(5)
param targetPriority int = 2

@description('Path that the health probes request on both sides.')
param probePath string = '{{probePath}}'

@description('Seconds between two probes from each point of presence.')
param probeIntervalInSeconds int = 30

resource profile 'Microsoft.Cdn/profiles@2025-06-01' = {
  name: profileName
  location: 'global'
  sku: {
    name: skuName
  }
}

resource endpoint 'Microsoft.Cdn/profiles/afdEndpoints@2025-06-01' = {
  parent: profile
  name: endpointName
  location: 'global'
  properties: {
    enabledState: 'Enabled'
  }
}

resource originGroup 'Microsoft.Cdn/profiles/originGroups@2025-06-01' = {
  parent: profile
  name: 'libraries'
  properties: {
    healthProbeSettings: {
      probePath: probePath
      probeProtocol: '{{protocol}}'
      probeRequestType: 'GET'
      probeIntervalInSeconds: probeIntervalInSeconds
    }
    loadBalancingSettings: {
      sampleSize: 4
      successfulSamplesRequired: 3
      additionalLatencyInMilliseconds: 0
    }
    sessionAffinityState: 'Disabled'
  }
}

// Each origin is asked by its own name: originHostHeader, and the name in its certificate.
resource source 'Microsoft.Cdn/profiles/originGroups/origins@2025-06-01' = {
  parent: originGroup
  name: 'source'
  properties: {
    hostName: sourceHost
    originHostHeader: {{sourceHeader}}
    httpPort: {{sourceHttpPort}}
    httpsPort: {{sourceHttpsPort}}
    enforceCertificateNameCheck: true
    priority: sourcePriority
    weight: 1000
    enabledState: 'Enabled'
  }
}

resource target 'Microsoft.Cdn/profiles/originGroups/origins@2025-06-01' = {
  parent: originGroup
  name: 'target'
  properties: {
    hostName: targetHost
    originHostHeader: {{targetHeader}}
    httpPort: {{targetHttpPort}}
    httpsPort: {{targetHttpsPort}}
    enforceCertificateNameCheck: true
    priority: targetPriority
    weight: 1000
    enabledState: 'Enabled'
  }
}

resource route 'Microsoft.Cdn/profiles/afdEndpoints/routes@2025-06-01' = {
  parent: endpoint
  name: 'media'
  dependsOn: [
    source
    target
  ]
  properties: {
    originGroup: {
      id: originGroup.id
    }
    patternsToMatch: [
      '/*'
    ]
    supportedProtocols: [
      'Http'
      'Https'
    ]
    forwardingProtocol: '{{protocol}}Only'
    httpsRedirect: 'Disabled'
    linkToDefaultDomain: 'Enabled'
    // The origins say how long an answer may be cached.
    cacheConfiguration: {
      queryStringCachingBehavior: 'UseQueryString'
    }
    enabledState: 'Enabled'
  }
}

@description('The host name for viewers.')
output hostName string = endpoint.properties.hostName
