# frozen_string_literal: true

require 'json'
require 'vagrant'
require_relative 'actions'
require_relative 'guest_process'

module SondeQemu
  # How Vagrant prints what {GuestProcess} says.
  class MachineError < Vagrant::Errors::VagrantError
    def initialize(text)
      @text = text
      super(_key: nil)
    end

    def error_message
      @text
    end
    alias to_s error_message
    alias message error_message
  end

  # Vagrant's view of one machine.
  class Provider < Vagrant.plugin('2', :provider)
    # Vagrant asks by `respond_to`, and other methods of Actions are no actions.
    ACTIONS = %i[up halt destroy reload provision ssh ssh_run].freeze

    def self.usable?(_raise_error = false) # rubocop:disable Style/OptionalBooleanParameter -- Vagrant's signature
      true
    end

    def initialize(machine)
      super
      @machine = machine
    end

    def action(name)
      ACTIONS.include?(name) ? Actions.public_send(name) : nil
    end

    def ssh_info
      port = guest.running? ? guest.port : nil
      port && { host: '127.0.0.1', port: }
    end

    def state
      id = guest.running? ? :running : Vagrant::MachineState::NOT_CREATED_ID
      words = id == :running ? "running (pid #{guest.pid}, SSH on 127.0.0.1:#{guest.port})" : 'not created'
      Vagrant::MachineState.new(id, words, words)
    end

    def to_s
      "QEMU (#{@machine.name})"
    end

    # @return [GuestProcess] the machine's process, running or not
    def guest
      GuestProcess.new(@machine.data_dir.to_s, description)
    end

    private

    # A machine that was never built has a description that can say so when it is started.
    def description
      JSON.parse(File.read(File.join(@machine.provider_config.folder, 'machine.json')))
    rescue Errno::ENOENT
      { 'cell' => @machine.name.to_s, 'program' => '', 'arguments' => [], 'console' => '/dev/null', 'ready' => '' }
    end
  end
end
