# frozen_string_literal: true

require 'open3'
require 'vagrant'
require_relative 'guest_process'

module SondeQemu
  # What each of Vagrant's commands does, as chains of steps.
  module Actions
    include Vagrant::Action::Builtin

    # A step from a block that gets the environment and the machine's {GuestProcess}.
    def self.step(&block)
      Class.new do
        define_method(:initialize) { |app, _env| @app = app }
        define_method(:call) do |env|
          begin
            block.call(env, env[:machine].provider.guest)
          rescue GuestError => e
            raise MachineError, e.message
          end
          @app.call(env)
        end
      end
    end

    # Builds what is booted when it is not there yet.
    class BuildMachine
      ROOT = File.expand_path('../../..', __dir__)

      def initialize(app, _env)
        @app = app
      end

      def call(env)
        settings = env[:machine].provider_config
        build(env, settings) unless File.file?(File.join(settings.folder, 'machine.json'))
        @app.call(env)
      end

      private

      def build(env, settings)
        command = Build.command(settings.cell)
        env[:ui].info("Building the machine: #{command}")
        said, status = Open3.capture2e(*command.split, chdir: ROOT)
        return if status.success?

        raise MachineError, "build #{settings.cell}: #{said.lines.last(15).join}" \
                            "\n  is the repository built? npm ci && npx tsc -b"
      rescue Errno::ENOENT => e
        raise MachineError, "build #{settings.cell}: #{e.message}; Node 20 or newer is needed"
      end
    end

    # Boots, and leaves nothing behind when that fails.
    class Start
      def initialize(app, _env)
        @app = app
      end

      def call(env)
        machine = env[:machine]
        guest = machine.provider.guest
        env[:ui].info("Starting #{machine.name}")
        guest.start
        machine.id = guest.pid.to_s
        guest.wait_until_ready(machine.provider_config.boot_seconds, interrupted: -> { env[:interrupted] })
        @app.call(env)
      rescue GuestError => e
        raise MachineError, e.message
      end

      def recover(env)
        env[:machine].provider.guest.stop
        env[:machine].id = nil
      end
    end

    STOP = step do |env, guest|
      env[:ui].info("Stopping #{env[:machine].name}")
      guest.stop
    end
    FORGET = step { |env, _guest| env[:machine].id = nil }
    IS_RUNNING = step { |env, guest| env[:result] = guest.running? }
    REFUSE = step do |env, _guest|
      raise GuestError, "use #{env[:machine].name}: it is not running; start it: vagrant up #{env[:machine].name}"
    end

    def self.chain(*steps)
      Vagrant::Action::Builder.new.tap { |builder| steps.each { |each| builder.use(*each) } }
    end

    def self.up
      chain(ConfigValidate).tap do |builder|
        builder.use(Call, IS_RUNNING) do |env, then_do|
          next if env[:result]

          [BuildMachine, Provision, Start].each { |each| then_do.use each }
          then_do.use WaitForCommunicator, [:running]
        end
      end
    end

    def self.when_running(*steps)
      chain(ConfigValidate).tap do |builder|
        builder.use(Call, IS_RUNNING) do |env, then_do|
          (env[:result] ? steps : [REFUSE]).each { |each| then_do.use each }
        end
      end
    end

    def self.halt
      chain(STOP, FORGET)
    end

    def self.destroy
      chain(ProvisionerCleanup, STOP, FORGET)
    end

    def self.reload
      chain(STOP, FORGET, up)
    end

    def self.provision
      when_running(Provision)
    end

    def self.ssh
      when_running(SSHExec)
    end

    def self.ssh_run
      when_running(SSHRun)
    end
  end
end
